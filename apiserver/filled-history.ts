// Shows the own etcd to the view only while it is whole. An etcd that is new, or was wiped, is empty until the publisher and
// the reflector have filled it; whoever followed it meanwhile would take away what is still there. So batches are held back
// until the epoch is known (mesh/wire/epoch.ts), and are then handed on as one, as a complete list would have found them. The
// epoch becomes part of the position: snapshots of two histories are never compared by revision.

import { decodeEpoch, EPOCH_KEY, historyId } from '../mesh/wire/epoch.ts';
import type { MirrorBatch, MirrorObserver, StoreEvent } from './store/port.ts';

export class FilledHistory implements MirrorObserver {
  readonly #follower: Pick<MirrorObserver, 'onBatch'>;
  /** The net change of each key that has not been shown, in the order of the last changes. */
  readonly #held = new Map<string, StoreEvent>();
  /** Of what the etcd holds; absent while it is being filled. */
  #epoch: string | undefined;
  /** Of what the follower has been shown last. */
  #shownEpoch: string | undefined;

  constructor(follower: Pick<MirrorObserver, 'onBatch'>) {
    this.#follower = follower;
  }

  onBatch({ position, events, relisted, more = false }: MirrorBatch): void {
    for (const event of events) this.#readEpoch(event);
    const epoch = this.#epoch;
    if (epoch === undefined) {
      this.#hold(events);
      return;
    }
    const named = { ...position, storeId: historyId(position.storeId, epoch) };
    if (epoch === this.#shownEpoch && this.#held.size === 0) {
      this.#follower.onBatch({ position: named, events, relisted, more });
      return;
    }
    this.#hold(events);
    const all = [...this.#held.values()];
    this.#held.clear();
    this.#shownEpoch = epoch;
    this.#follower.onBatch({ position: named, events: all, relisted: true, more });
  }

  #readEpoch(event: StoreEvent): void {
    const isPut = event.type === 'put';
    if ((isPut ? event.kv.key : event.key) !== EPOCH_KEY) return;
    const epoch = isPut ? decodeEpoch(event.kv.value) : undefined;
    this.#epoch = epoch?.ok === true ? epoch.value : undefined;
  }

  #hold(events: readonly StoreEvent[]): void {
    for (const event of events) {
      const key = event.type === 'put' ? event.kv.key : event.key;
      const earlier = this.#held.get(key);
      const { previous: shown, ...change } = earlier === undefined ? event : { ...event, previous: earlier.previous };
      this.#held.delete(key);
      this.#held.set(key, shown === undefined ? change : { ...change, previous: shown });
    }
  }
}
