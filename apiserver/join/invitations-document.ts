// What is shown of invitations: whom each is for, what became of it, and who has used it. Their verifiers are not: whoever has one could join
// in the place of the cluster that was invited. The offer that a joiner made is not either, it says nothing to a person.

import { formatTime } from '../../mesh/wire/time.ts';
import type { Invitation } from './invitation-record.ts';
import { isHeld } from './invitations.ts';
import { shown } from './shown.ts';

export interface ListedInvitation {
  readonly id: string;
  readonly peer: string;
  /** open: whoever has the token may join. joining: one has begun. The others have ended. */
  readonly state: 'open' | 'expired' | 'joining' | 'used' | 'withdrawn';
  readonly expires_at: string;
  /** When it was made, taken, used or withdrawn. */
  readonly since: string;
  /** Who used it, or was last to try; to be held against what that cluster says of itself. */
  readonly joiner: { readonly name: string; readonly uid: string; readonly spki_pins: readonly string[] } | null;
}

/** Fields are only added. */
export interface InvitationsDocument {
  readonly schema_version: 1;
  readonly cluster: string;
  readonly invitations: readonly ListedInvitation[];
}

export interface WithdrawalDocument {
  /** False where it was withdrawn before. */
  readonly changed: boolean;
  readonly invitation: ListedInvitation;
}

export const invitationsDocument = (
  cluster: string,
  records: readonly Invitation[],
  now: number,
): InvitationsDocument => ({
  schema_version: 1,
  cluster,
  invitations: records.map((record) => shownInvitation(record, now)),
});

export const shownInvitation = (record: Invitation, now: number): ListedInvitation => ({
  id: record.id,
  peer: record.peer,
  state: stateOf(record, now),
  expires_at: formatTime(record.expiresAt),
  since: formatTime(record.since),
  joiner:
    record.joiner === undefined
      ? null
      : shown({ name: record.joiner.name, uid: record.joiner.uid, spki_pins: record.joiner.pins.split(' ') }),
});

/** A join that was begun and not finished in time leaves the invitation to the next, until it expires. */
function stateOf(record: Invitation, now: number): ListedInvitation['state'] {
  if (record.state === 'used' || record.state === 'withdrawn') return record.state;
  if (isHeld(record, now)) return 'joining';
  return record.expiresAt <= now ? 'expired' : 'open';
}
