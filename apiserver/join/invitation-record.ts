// An invitation as it is stored: its key, its value, and how both are read. A verifier is kept instead of the secret, so that who reads
// etcd cannot make the token; what may be shown of a record is invitations-document.ts. A record that cannot be read lets nobody in.

import { type ClusterName, parseClusterName } from '../../mesh/model/names.ts';
import { decodeObject, encodeText } from '../../mesh/wire/json.ts';
import { formatTime, parseTime } from '../../mesh/wire/time.ts';

/** STABLE. Not visible at the door. */
export const INVITATIONS_PREFIX = 'clustermesh/v1/join/invitations/';
/** A record holds one joiner; what is larger was not written by us. */
const RECORD_BYTES_MAX = 16 * 1024;

/** Who joins: a name, and what only that cluster can show. Another cluster that takes the name has other keys. */
export interface JoinerId {
  readonly name: ClusterName;
  readonly uid: string;
  /** Pins of its authorities, as one text. */
  readonly pins: string;
  /** SHA-256 of its offer: what was judged is what is committed. */
  readonly offer: string;
}

const STATES = ['open', 'prepared', 'used', 'withdrawn'] as const;

export interface Invitation {
  readonly id: string;
  readonly peer: ClusterName;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** base64url */
  readonly verifier: string;
  readonly state: (typeof STATES)[number];
  /** Present when prepared or used; when withdrawn, if a join had been begun. */
  readonly joiner?: JoinerId;
  /** When the state was reached. */
  readonly since: number;
}

export const encodeInvitation = ({ peer, expiresAt, verifier, state, joiner, since }: Omit<Invitation, 'id'>) =>
  encodeText(
    JSON.stringify({
      peer,
      expiresAt: formatTime(expiresAt),
      verifier,
      state,
      ...(joiner === undefined ? {} : { joiner }),
      since: new Date(since).toISOString(),
    }),
  );

export function decodeInvitation(id: string, bytes: Uint8Array): Invitation | undefined {
  const object = decodeObject(bytes, RECORD_BYTES_MAX);
  if (!object.ok) return undefined;
  const { peer, expiresAt, verifier, state, joiner, since } = object.value;
  if ([peer, expiresAt, verifier, since].some((field) => typeof field !== 'string')) return undefined;
  const [name, end, begin] = [parseClusterName(String(peer)), parseTime(String(expiresAt)), parseTime(String(since))];
  if (!name.ok || !end.ok || !begin.ok) return undefined;
  const known = STATES.find((each) => each === state);
  const by = joinerOf(joiner);
  if (known === undefined || by === 'unreadable') return undefined;
  if (known !== 'withdrawn' && (known === 'open') !== (by === undefined)) return undefined;
  return {
    id,
    peer: name.value,
    expiresAt: end.value,
    verifier: String(verifier),
    state: known,
    ...(by === undefined ? {} : { joiner: by }),
    since: begin.value,
  };
}

function joinerOf(value: unknown): JoinerId | undefined | 'unreadable' {
  if (value === undefined) return undefined;
  if (typeof value !== 'object' || value === null) return 'unreadable';
  const { name, uid, pins, offer } = value as Readonly<Record<string, unknown>>;
  const parsed = parseClusterName(String(name));
  if (!parsed.ok || typeof uid !== 'string' || typeof pins !== 'string' || typeof offer !== 'string')
    return 'unreadable';
  return { name: parsed.value, uid, pins, offer };
}
