// What the loaded programs tell, behind the port: a lease and a ring of events that are these programs' own and go with them, and
// the counters, which are pinned like services and outlive them. Reading is synchronous, bounded, and on the main thread.

import { OperationalError } from '../../runtime/errors.ts';
import { host32, network16, putHost32 } from '../maps/bytes.ts';
import { EVENT_BUDGET, EVENT_LEASE, TRAFFIC_COUNTS, TRAFFIC_EVENT } from '../maps/structs.ts';
import type { EventLease, MissedEvents, ServiceCounts, Traffic } from '../traffic/port.ts';
import { datapathError } from './failure.ts';
import { KernelMap } from './kernel-map.ts';
import type { BpfRing, Libbpf, LoadedLibbpf, RecordCallback } from './libbpf.ts';
import { MAP_SPECS } from './map-specs.ts';

/** Descriptors of the object's, closed with it. */
export interface TellingFds {
  readonly counters: number;
  readonly lease: number;
  readonly budget: number;
  readonly events: number;
}

const KEY = Uint32Array.of(0);
const NANOSECONDS_PER_MILLISECOND = 1_000_000n;

/** `close` comes before the object's. */
export class KernelTraffic implements Traffic {
  readonly #calls: Libbpf;
  readonly #fds: TellingFds;
  readonly cpus: number;
  readonly #counters: KernelMap;
  readonly #onRecord: RecordCallback;
  readonly #ring: BpfRing;
  #taken: Uint8Array[] = [];
  #max = 0;
  #closed = false;

  constructor(libbpf: LoadedLibbpf, fds: TellingFds) {
    const { calls } = libbpf;
    this.#calls = calls;
    this.#fds = fds;
    this.cpus = calls.possibleCpus();
    const { name, keySize, valueSize } = MAP_SPECS.counters;
    const info = { keySize, valueSize: valueSize * this.cpus, maxEntries: 0 };
    this.#counters = new KernelMap({ calls, fd: fds.counters, name, info });
    // A negative answer ends the reading after this record, which counts as read.
    this.#onRecord = libbpf.onRecord(TRAFFIC_EVENT.size, (record) => {
      this.#taken.push(record);
      return this.#taken.length < this.#max ? 0 : -1;
    });
    const ring = calls.newRing(fds.events, this.#onRecord.pointer, null, null);
    if (ring === null) {
      this.#onRecord.release();
      throw datapathError({ step: 'prepare map', subject: 'cm_events', errno: libbpf.errno() });
    }
    this.#ring = ring;
  }

  lease(lease: EventLease | undefined): void {
    const value = new Uint8Array(EVENT_LEASE.size);
    if (lease !== undefined) {
      // bpf_ktime_get_ns and hrtime read the same clock, CLOCK_MONOTONIC.
      const until = this.nowNs() + BigInt(Math.round(lease.milliseconds)) * NANOSECONDS_PER_MILLISECOND;
      const { until_ns, sample_every, per_second } = EVENT_LEASE.offsets;
      new DataView(value.buffer).setBigUint64(until_ns, until, true);
      putHost32(value, sample_every, lease.sampleEvery);
      putHost32(value, per_second, lease.perSecond);
    }
    const status = this.#calls.update(this.#open().lease, KEY, value, 0);
    if (status < 0) throw readError('write the event lease', -status);
  }

  nowNs(): bigint {
    return process.hrtime.bigint();
  }

  take(max: number): readonly Uint8Array[] {
    this.#open();
    this.#taken = [];
    this.#max = max;
    const status = this.#calls.consumeRing(this.#ring);
    if (status < 0 && this.#taken.length < max) throw readError('read events', -status);
    return this.#taken;
  }

  missed(): MissedEvents {
    const value = new Uint8Array(EVENT_BUDGET.size * this.cpus);
    const status = this.#calls.lookup(this.#open().budget, KEY, value);
    if (status < 0) throw readError('read missed events', -status);
    const { limited, lost } = EVENT_BUDGET.offsets;
    const sum = (at: number) => this.#sum(value, EVENT_BUDGET.size, at);
    return { limited: sum(limited), lost: sum(lost) };
  }

  async counts(): Promise<ReadonlyMap<number, ServiceCounts>> {
    this.#open();
    const { translated, no_backends, no_slot, no_memory } = TRAFFIC_COUNTS.offsets;
    const rows = await this.#counters.dump();
    return new Map(
      rows.map(({ key, value }) => {
        const sum = (at: number) => this.#sum(value, TRAFFIC_COUNTS.size, at);
        const refused = { 'no-backends': sum(no_backends), 'no-slot': sum(no_slot), 'no-memory': sum(no_memory) };
        return [network16(key, 0), { translated: sum(translated), refused }];
      }),
    );
  }

  async forgetCounts(ids: readonly number[]): Promise<void> {
    this.#open();
    const { failure } = await this.#counters.remove(ids.map((id) => Uint8Array.of(id >>> 8, id)));
    if (failure !== undefined) throw readError('forget counters', failure.errno);
  }

  /** Ends the lease, if there is one, and lets go. */
  close(): void {
    if (this.#closed) return;
    this.lease(undefined);
    this.#closed = true;
    this.#calls.freeRing(this.#ring);
    this.#onRecord.release();
  }

  /** Of the rows of all CPUs; exact up to 2^53. */
  #sum(value: Uint8Array, rowBytes: number, at: number): number {
    let sum = 0;
    for (let cpu = 0; cpu < this.cpus; cpu += 1) {
      const from = cpu * rowBytes + at;
      sum += host32(value, from) + host32(value, from + 4) * 2 ** 32;
    }
    return sum;
  }

  #open(): TellingFds {
    if (this.#closed) throw new Error('the datapath is closed');
    return this.#fds;
  }
}

const readError = (operation: string, errno: number): OperationalError =>
  new OperationalError({
    code: 'DATAPATH_EVENTS_FAILED',
    operation,
    reason: `the kernel answered errno ${errno}`,
    hint: 'restart the agent: it loads the programs again, and services stay up meanwhile',
  });
