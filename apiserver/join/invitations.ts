// The invitations of this cluster, in its etcd, where every replica finds them. Each goes from open through prepared to used, or is
// withdrawn, by transactions, so that of several joins with one token one wins, and none wins against a withdrawal that came
// first. Records stay for a day after they ended, so that whoever has the token can be told what became of it.

import type { ClusterName } from '../../mesh/model/names.ts';
import { formatTime } from '../../mesh/wire/time.ts';
import { sameProof } from '../../pki/join/proof.ts';
import type { Clock } from '../../runtime/clock.ts';
import { type Store, TRANSACTION_WRITES_MAX, type Write } from '../store/port.ts';
import {
  decodeInvitation,
  encodeInvitation,
  INVITATIONS_PREFIX,
  type Invitation,
  type JoinerId,
} from './invitation-record.ts';
import { refusal } from './refusal.ts';

/** How long a join may take between prepare and commit before another may take the invitation. */
const PREPARED_MS = 60_000;
/** How long the same joiner may repeat a commit whose answer was lost. */
const REPEAT_MS = 60 * 60_000;
const REMEMBERED_MS = 24 * 60 * 60_000;
/** More invitations than this at one time are a script gone wild. */
const OPEN_MAX = 200;
/** Each attempt lost means that another join or replica wrote in between. */
const ATTEMPTS_MAX = 5;

export interface InvitationsDeps {
  readonly store: Pick<Store, 'get' | 'list' | 'transact'>;
  readonly clock: Clock;
}

export class Invitations {
  readonly #store: InvitationsDeps['store'];
  readonly #clock: Clock;

  constructor({ store, clock }: InvitationsDeps) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Also forgets records that ended more than a day ago. */
  async open(invitation: Pick<Invitation, 'id' | 'peer' | 'expiresAt' | 'verifier'>): Promise<void> {
    const now = this.#clock.now();
    const known = await this.#all();
    const open = known.filter(({ record }) => record.state === 'open' && record.expiresAt > now);
    if (open.length >= OPEN_MAX) throw refusal('JOIN_INVITATIONS', invitation.peer, `${open.length} are open`);
    const stale = known.filter(({ record }) => Math.max(record.expiresAt, record.since) + REMEMBERED_MS < now);
    const forget = stale.slice(0, 100).map(({ key }): Write => ({ type: 'delete', key }));
    const key = INVITATIONS_PREFIX + invitation.id;
    const put: Write = { type: 'put', key, value: encodeInvitation({ ...invitation, state: 'open', since: now }) };
    await this.#store.transact([...forget, put], [{ key, modRevision: 0 }]);
  }

  async find(id: string): Promise<Invitation | undefined> {
    return (await this.#read(id))?.record;
  }

  /** Every one that is remembered, the youngest end last. */
  async list(): Promise<readonly Invitation[]> {
    const records = (await this.#all()).map(({ record }) => record);
    return records.sort((a, b) => a.expiresAt - b.expiresAt || (a.id < b.id ? -1 : 1));
  }

  /**
   * From here on nobody may use the invitation. A used one is refused: what it brought in is ended by `leave`, not by this. One that a join is
   * under way with is refused too, unless by force: that join then fails at its commit, with nothing written. Repeating changes nothing.
   */
  async withdraw(id: string, force: boolean): Promise<{ readonly record: Invitation; readonly changed: boolean }> {
    let changed = false;
    const record = await this.#change(id, id, (record, now) => {
      changed = record.state !== 'withdrawn';
      if (!changed) return record;
      if (record.state === 'used') {
        const reason = `${record.joiner?.name ?? record.peer} used it at ${formatTime(record.since)}`;
        throw refusal('JOIN_INVITATION_USED', record.peer, reason);
      }
      if (isHeld(record, now) && !force) {
        const reason = `a join of ${record.joiner?.name ?? record.peer} has begun at ${formatTime(record.since)}`;
        throw refusal('JOIN_INVITATION_TAKEN', record.peer, reason);
      }
      return { ...record, state: 'withdrawn', since: now };
    });
    if (record === undefined) throw refusal('JOIN_NO_INVITATION', id, `no invitation ${id} is remembered here`);
    return { record, changed };
  }

  /** Takes the invitation for this joiner; a used one stays used, for its own joiner only. */
  prepare(id: string, joiner: JoinerId): Promise<void> {
    return this.#move(id, joiner, (record, now) => {
      this.#refuseOthers(record, joiner, now);
      if (record.state === 'used') return { ...record, joiner };
      if (record.expiresAt <= now) throw expired(record, now);
      return { ...record, state: 'prepared', joiner, since: now };
    });
  }

  /** From here on the invitation is used up. */
  commit(id: string, joiner: JoinerId): Promise<void> {
    return this.#move(id, joiner, (record, now) => {
      this.#refuseOthers(record, joiner, now);
      if (record.state === 'open' || record.joiner?.offer !== joiner.offer) {
        throw refusal('JOIN_BUSY', joiner.name, 'what is to be committed is not what was prepared last');
      }
      // Written again where it is used already: a repeat counts only as long as nobody has forgotten the invitation.
      return record.state === 'used' ? { ...record } : { ...record, state: 'used', since: now };
    });
  }

  /** Whether this joiner has used the invitation already and may repeat it. */
  isRepeat({ state, joiner, since }: Invitation, by: JoinerId): boolean {
    return state === 'used' && joiner !== undefined && same(joiner, by) && this.#clock.now() - since <= REPEAT_MS;
  }

  /** Why `by` may not use it now; nothing when it may. */
  refuse(record: Invitation, by: JoinerId): void {
    const now = this.#clock.now();
    this.#refuseOthers(record, by, now);
    if (record.state !== 'used' && !isHeld(record, now) && record.expiresAt <= now) throw expired(record, now);
  }

  /** The peer was removed: nothing that was issued for it counts any longer. */
  async forget(peer: ClusterName): Promise<void> {
    const writes = (await this.#all())
      .filter(({ record }) => record.peer === peer)
      .map(({ key }): Write => ({ type: 'delete', key }));
    for (let at = 0; at < writes.length; at += TRANSACTION_WRITES_MAX) {
      await this.#store.transact(writes.slice(at, at + TRANSACTION_WRITES_MAX));
    }
  }

  #refuseOthers(record: Invitation, joiner: JoinerId, now: number): void {
    const other = record.joiner !== undefined && !same(record.joiner, joiner);
    if (record.state === 'withdrawn') {
      throw refusal('JOIN_WITHDRAWN', joiner.name, `it was withdrawn at ${formatTime(record.since)}`);
    }
    if (record.state === 'used' && (other || now - record.since > REPEAT_MS)) {
      throw refusal('JOIN_USED', joiner.name, `it was used at ${formatTime(record.since)}`);
    }
    if (other && isHeld(record, now)) {
      throw refusal('JOIN_BUSY', joiner.name, `another join has begun at ${formatTime(record.since)}`);
    }
  }

  async #move(id: string, joiner: JoinerId, next: (record: Invitation, now: number) => Invitation): Promise<void> {
    const moved = await this.#change(id, joiner.name, next);
    if (moved === undefined) throw refusal('JOIN_DENIED', joiner.name, 'the invitation is not remembered any more');
  }

  /** The record as it is then; nothing where there is none. Writes what `next` makes of it, only over what it has seen, and not where that is it. */
  async #change(id: string, subject: string, next: (record: Invitation, now: number) => Invitation) {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const found = await this.#read(id);
      if (found === undefined) return undefined;
      const { key, modRevision, record } = found;
      const changed = next(record, this.#clock.now());
      if (changed === record) return record;
      const put: Write = { type: 'put', key, value: encodeInvitation(changed) };
      const { succeeded } = await this.#store.transact([put], [{ key, modRevision }]);
      if (succeeded) return changed;
    }
    throw refusal('JOIN_BUSY', subject, 'others change the invitation all the time');
  }

  async #read(id: string) {
    const found = await this.#store.get(INVITATIONS_PREFIX + id);
    const record = found && decodeInvitation(id, found.value);
    return record && { key: found.key, modRevision: found.modRevision, record };
  }

  async #all() {
    const all: { readonly key: string; readonly record: Invitation }[] = [];
    for await (const { entries } of this.#store.list(INVITATIONS_PREFIX)) {
      for (const { key, value } of entries) {
        const record = decodeInvitation(key.slice(INVITATIONS_PREFIX.length), value);
        if (record !== undefined) all.push({ key, record });
      }
    }
    return all;
  }
}

/** Whether a join is under way with it, so that no other may begin. */
export const isHeld = ({ state, since }: Pick<Invitation, 'state' | 'since'>, now: number): boolean =>
  state === 'prepared' && now - since < PREPARED_MS;

const same = (a: JoinerId, b: JoinerId): boolean =>
  a.name === b.name && a.uid === b.uid && sameProof(Buffer.from(a.pins), Buffer.from(b.pins));

const expired = ({ expiresAt, peer }: Invitation, now: number) =>
  refusal('JOIN_EXPIRED', peer, `it was good until ${formatTime(expiresAt)}, and here it is ${formatTime(now)}`);
