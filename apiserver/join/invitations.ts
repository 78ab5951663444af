// The invitations of this cluster, in its etcd, where every replica finds them. Each goes from open through prepared to used, by transactions,
// so that of several joins with one token one wins. A verifier is kept instead of the secret, and records stay for a
// day after they ended, so that whoever has the token can be told what became of it.

import { type ClusterName, parseClusterName } from '../../mesh/model/names.ts';
import { decodeObject, encodeText } from '../../mesh/wire/json.ts';
import { formatTime, parseTime } from '../../mesh/wire/time.ts';
import { sameProof } from '../../pki/join/proof.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Store, Write } from '../store/port.ts';
import { refusal } from './refusal.ts';

/** STABLE. Not visible at the door. */
const PREFIX = 'clustermesh/v1/join/invitations/';
/** How long a join may take between prepare and commit before another may take the invitation. */
const PREPARED_MS = 60_000;
/** How long the same joiner may repeat a commit whose answer was lost. */
const REPEAT_MS = 60 * 60_000;
const REMEMBERED_MS = 24 * 60 * 60_000;
/** More invitations than this at one time are a script gone wild. */
const OPEN_MAX = 200;
const RECORD_BYTES_MAX = 16 * 1024;
/** Each attempt lost means that another join or replica wrote in between. */
const ATTEMPTS_MAX = 5;

/** Who joins: a name, and what only that cluster can show. Another cluster that takes the name has other keys. */
export interface JoinerId {
  readonly name: ClusterName;
  readonly uid: string;
  /** Pins of its authorities, as one text. */
  readonly pins: string;
  /** SHA-256 of its offer: what was judged is what is committed. */
  readonly offer: string;
}

export interface Invitation {
  readonly id: string;
  readonly peer: ClusterName;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** base64url */
  readonly verifier: string;
  readonly state: 'open' | 'prepared' | 'used';
  /** Present unless open. */
  readonly joiner?: JoinerId;
  /** When the state was reached. */
  readonly since: number;
}

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
    const key = PREFIX + invitation.id;
    const put: Write = { type: 'put', key, value: encode({ ...invitation, state: 'open', since: now }) };
    await this.#store.transact([...forget, put], [{ key, modRevision: 0 }]);
  }

  async find(id: string): Promise<Invitation | undefined> {
    return (await this.#read(id))?.record;
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
      return record.state === 'used' ? record : { ...record, state: 'used', since: now };
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
    const held = record.state === 'prepared' && now - record.since < PREPARED_MS;
    if (record.state !== 'used' && !held && record.expiresAt <= now) throw expired(record, now);
  }

  /** The peer was removed: nothing that was issued for it counts any longer. */
  async forget(peer: ClusterName): Promise<void> {
    const writes = (await this.#all())
      .filter(({ record }) => record.peer === peer)
      .map(({ key }): Write => ({ type: 'delete', key }));
    if (writes.length > 0) await this.#store.transact(writes.slice(0, 100));
  }

  #refuseOthers(record: Invitation, joiner: JoinerId, now: number): void {
    const other = record.joiner !== undefined && !same(record.joiner, joiner);
    if (record.state === 'used' && (other || now - record.since > REPEAT_MS)) {
      throw refusal('JOIN_USED', joiner.name, `it was used at ${formatTime(record.since)}`);
    }
    if (record.state === 'prepared' && other && now - record.since < PREPARED_MS) {
      throw refusal('JOIN_BUSY', joiner.name, `another join has begun at ${formatTime(record.since)}`);
    }
  }

  async #move(id: string, joiner: JoinerId, next: (record: Invitation, now: number) => Invitation): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const found = await this.#read(id);
      if (found === undefined) throw refusal('JOIN_DENIED', joiner.name, 'the invitation was withdrawn');
      const { key, modRevision, record } = found;
      const value = encode(next(record, this.#clock.now()));
      const { succeeded } = await this.#store.transact([{ type: 'put', key, value }], [{ key, modRevision }]);
      if (succeeded) return;
    }
    throw refusal('JOIN_BUSY', joiner.name, 'others change the invitation all the time');
  }

  async #read(id: string) {
    const found = await this.#store.get(PREFIX + id);
    const record = found && decode(id, found.value);
    return record && { key: found.key, modRevision: found.modRevision, record };
  }

  async #all() {
    const all: { readonly key: string; readonly record: Invitation }[] = [];
    for await (const { entries } of this.#store.list(PREFIX)) {
      for (const { key, value } of entries) {
        const record = decode(key.slice(PREFIX.length), value);
        if (record !== undefined) all.push({ key, record });
      }
    }
    return all;
  }
}

const same = (a: JoinerId, b: JoinerId): boolean =>
  a.name === b.name && a.uid === b.uid && sameProof(Buffer.from(a.pins), Buffer.from(b.pins));

const expired = ({ expiresAt, peer }: Invitation, now: number) =>
  refusal('JOIN_EXPIRED', peer, `it was good until ${formatTime(expiresAt)}, and here it is ${formatTime(now)}`);

const encode = ({ peer, expiresAt, verifier, state, joiner, since }: Omit<Invitation, 'id'>): Uint8Array =>
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

/** A record that cannot be read lets nobody in. */
function decode(id: string, bytes: Uint8Array): Invitation | undefined {
  const object = decodeObject(bytes, RECORD_BYTES_MAX);
  if (!object.ok) return undefined;
  const { peer, expiresAt, verifier, state, joiner, since } = object.value;
  if ([peer, expiresAt, verifier, since].some((field) => typeof field !== 'string')) return undefined;
  const [name, end, begin] = [parseClusterName(String(peer)), parseTime(String(expiresAt)), parseTime(String(since))];
  if (!name.ok || !end.ok || !begin.ok) return undefined;
  if (state !== 'open' && state !== 'prepared' && state !== 'used') return undefined;
  const by = joiner as JoinerId | undefined;
  if ((state === 'open') !== (by === undefined)) return undefined;
  return {
    id,
    peer: name.value,
    expiresAt: end.value,
    verifier: String(verifier),
    state,
    ...(by === undefined ? {} : { joiner: by }),
    since: begin.value,
  };
}
