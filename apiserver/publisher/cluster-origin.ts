// The own cluster's uid and the time at which it first entered a mesh: facts that are decided once and kept in etcd, without a
// lease. The record is created in a transaction, so that of two replicas that start at once one decides. An etcd that was
// wiped gets back what this process knows; only a cluster that was rebuilt as a whole has a new uid.

import { decodeObject, encodeText } from '../../mesh/wire/json.ts';
import { formatTime } from '../../mesh/wire/time.ts';
import { OperationalError } from '../../runtime/errors.ts';
import type { Condition, KeyValue, Store } from '../store/port.ts';
import type { ClusterOrigin } from './convert/cluster.ts';
import { publisherFailures } from './failures.ts';

/** STABLE: JSON {uid, joinedAt}; joinedAt is RFC 3339 or null. */
export const CLUSTER_ORIGIN_KEY = 'clustermesh/v1/local/cluster';

const BYTES_MAX = 4 * 1024;
/** Each attempt lost means that another replica wrote in between; there are two writes in a cluster's life. */
const ATTEMPTS_MAX = 5;

export interface ClusterOriginDeps {
  readonly store: Store;
  readonly uuid: () => string;
}

export class ClusterOriginRecord {
  readonly #deps: ClusterOriginDeps;
  #known: ClusterOrigin | undefined;

  constructor(deps: ClusterOriginDeps) {
    this.#deps = deps;
  }

  get known(): ClusterOrigin | undefined {
    return this.#known;
  }

  /** Reads the record, and creates it where there is none. */
  load(fence: Condition | undefined, signal: AbortSignal): Promise<ClusterOrigin> {
    return this.#settle(
      (there) => there ?? this.#known ?? { uid: this.#deps.uuid(), joinedAt: undefined },
      fence,
      signal,
    );
  }

  /** Sets the time of the join where there is none yet. */
  markJoined(nowMs: number, fence: Condition | undefined, signal: AbortSignal): Promise<ClusterOrigin> {
    const wish = (there: ClusterOrigin | undefined): ClusterOrigin => {
      const origin = there ?? this.#known ?? { uid: this.#deps.uuid(), joinedAt: undefined };
      return { ...origin, joinedAt: origin.joinedAt ?? formatTime(nowMs) };
    };
    return this.#settle(wish, fence, signal);
  }

  async #settle(
    wish: (there: ClusterOrigin | undefined) => ClusterOrigin,
    fence: Condition | undefined,
    signal: AbortSignal,
  ): Promise<ClusterOrigin> {
    const { store } = this.#deps;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const found = await store.get(CLUSTER_ORIGIN_KEY, signal);
      const there = found && decode(found);
      const wanted = wish(there);
      if (wanted.uid !== there?.uid || wanted.joinedAt !== there.joinedAt) {
        const condition = { key: CLUSTER_ORIGIN_KEY, modRevision: found?.modRevision ?? 0 };
        const write = { type: 'put', key: CLUSTER_ORIGIN_KEY, value: encode(wanted) } as const;
        const { succeeded } = await store.transact(
          [write],
          fence === undefined ? [condition] : [condition, fence],
          signal,
        );
        if (!succeeded) continue;
      }
      this.#known = wanted;
      return wanted;
    }
    throw publisherFailures.fenced();
  }
}

const encode = ({ uid, joinedAt }: ClusterOrigin): Uint8Array =>
  encodeText(JSON.stringify({ uid, joinedAt: joinedAt ?? null }));

/** A record that cannot be read is never replaced: a new uid would make peers hold everything back. */
function decode({ value }: KeyValue): ClusterOrigin {
  const object = decodeObject(value, BYTES_MAX);
  const { uid, joinedAt } = object.ok ? object.value : {};
  if (typeof uid === 'string' && (joinedAt === null || typeof joinedAt === 'string')) {
    return { uid, joinedAt: joinedAt ?? undefined };
  }
  throw new OperationalError({
    code: 'PUBLISHER_ORIGIN_UNREADABLE',
    operation: 'read cluster record',
    subject: CLUSTER_ORIGIN_KEY,
    reason: object.ok ? 'it has no uid and joinedAt' : object.error,
    hint: 'restore it from the uid in the card that peers hold of this cluster',
  });
}
