// Keeps values of this process in the own etcd while this replica leads, so that the next process, and the other replicas, begin from
// them. Level-triggered: now and then it is looked at what should stand there, and written where something else does, so that
// any number of changes in between are one write. A write that fails is made by the next look.

import { type Clock, sleep } from '../runtime/clock.ts';
import { OperationalError } from '../runtime/errors.ts';
import type { Log } from '../runtime/log.ts';
import type { Condition, KeyValue, Store, Write } from './store/port.ts';

export interface KeptValue {
  readonly key: string;
  /** What is to stand there instead of what is stored; `undefined` where it may stay. */
  next(stored: Uint8Array | undefined): Uint8Array | undefined;
}

export interface KeptValuesDeps {
  readonly store: Pick<Store, 'transact'>;
  /** The mirror of the own etcd. */
  readonly observed: ReadonlyMap<string, KeyValue>;
  readonly values: readonly KeptValue[];
  readonly clock: Clock;
  readonly log: Log;
}

/** What a process that is killed forgets is not older than this. */
const LOOK_MS = 2_000;

export class KeptValues {
  readonly #deps: KeptValuesDeps;

  constructor(deps: KeptValuesDeps) {
    this.#deps = deps;
  }

  /** Until the signal aborts: for as long as this replica leads. */
  async lead(signal: AbortSignal, fence: Condition): Promise<void> {
    const { store, clock, log } = this.#deps;
    while (!signal.aborted) {
      const writes = this.#due();
      try {
        if (writes.length > 0) await store.transact(writes, [fence], signal);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof OperationalError)) throw error;
        log.debug('cannot keep what is remembered yet', { error });
      }
      await sleep(clock, LOOK_MS, signal).catch(() => {});
    }
  }

  #due(): readonly Write[] {
    const { observed, values } = this.#deps;
    return values.flatMap(({ key, next }): readonly Write[] => {
      const value = next(observed.get(key)?.value);
      return value === undefined ? [] : [{ type: 'put', key, value }];
    });
  }
}
