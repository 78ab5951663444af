// An agent from the bytes of its stream to its maps, in the turns that it takes while it serves others: all of it but the connection.
// What the benchmark measures memory and turns of the event loop with.

import { setImmediate } from 'node:timers/promises';
import { createBreather, systemLoop } from '../../agent/breather.ts';
import type { ServiceMaps } from '../../agent/maps/port.ts';
import { Programmer } from '../../agent/reconcile/programmer.ts';
import type { SnapshotListener, Upstream } from '../../agent/upstream/port.ts';
import { receiveSnapshot } from '../../agent/upstream/received.ts';
import type { MeshSnapshot } from '../../mesh/snapshot/snapshot.ts';
import { MeshReader } from '../../mesh/wire/mesh-reader.ts';
import { systemClock } from '../../runtime/clock.ts';
import { Health } from '../../runtime/health.ts';
import { silentLog } from '../../runtime/log.ts';
import { systemRandom } from '../../runtime/random.ts';

export class WholeAgent {
  readonly programmer: Programmer;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #listener: SnapshotListener | undefined;
  #acknowledged: () => void = () => {};

  constructor(maps: ServiceMaps) {
    const upstream: Pick<Upstream, 'onSnapshot' | 'acknowledge'> = {
      onSnapshot: (listener) => {
        this.#listener = listener;
        return () => {};
      },
      acknowledge: () => this.#acknowledged(),
    };
    this.programmer = new Programmer({
      upstream,
      maps,
      clock: systemClock,
      random: systemRandom,
      pause: createBreather(systemClock, systemLoop),
      health: new Health(systemClock),
      log: silentLog,
    });
    this.#running = this.programmer.run(this.#stop.signal);
  }

  /** Hands over a snapshot, and resolves once it is programmed. */
  async take(snapshot: MeshSnapshot): Promise<void> {
    const done = this.#acknowledgement();
    this.#listener?.(snapshot, 'all');
    await done;
  }

  /** Reads the messages of a snapshot as they would come, and resolves once it is programmed. */
  async receive(messages: readonly Uint8Array[]): Promise<void> {
    const done = this.#acknowledgement();
    const reader = new MeshReader();
    for (const message of messages) {
      const event = reader.read(message);
      if (!event.ok) throw new Error(event.error);
      if (event.value.type === 'snapshot') {
        const received = receiveSnapshot(undefined, event.value.snapshot);
        if (received.ok) this.#listener?.(received.value.next, received.value.changed);
      }
      await setImmediate();
    }
    await done;
  }

  #acknowledgement(): Promise<void> {
    return new Promise<void>((resolve) => {
      this.#acknowledged = resolve;
    });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }
}
