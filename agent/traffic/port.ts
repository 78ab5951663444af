// The port to what the kernel programs tell of their work: events while a lease runs, counters always. The adapter is in
// agent/datapath; maps in memory forward nothing and so have none of it. What the bytes mean is event.ts.

/** For how long programs tell events, and how many. */
export interface EventLease {
  readonly milliseconds: number;
  /** One translation in so many, 0 for none; refusals are always told. */
  readonly sampleEvery: number;
  /** Events of one CPU in a second. */
  readonly perSecond: number;
}

/** Events that were not told, since the programs were loaded. */
export interface MissedEvents {
  /** More than the lease allows in a second. */
  readonly limited: number;
  /** The ring was full: nobody read it in time. */
  readonly lost: number;
}

export const NOTHING_MISSED: MissedEvents = { limited: 0, lost: 0 };

export interface ServiceCounts {
  /** Connects, and datagrams of sockets that are not connected. */
  readonly translated: number;
  readonly refused: Readonly<Record<RefusalCause, number>>;
}

/** Why a call to a service is refused: no backend takes new connections, a change is half written, no room to remember. */
export type RefusalCause = 'no-backends' | 'no-slot' | 'no-memory';
/** In the order of their numbers in bpf/include/select.h, which begin with 1. */
export const REFUSAL_CAUSES: readonly RefusalCause[] = ['no-backends', 'no-slot', 'no-memory'];

export interface Traffic {
  /** Each has a budget of its own. */
  readonly cpus: number;
  /** Replaces the lease before; undefined ends it at once. */
  lease(lease: EventLease | undefined): void;
  /** Now, on the clock of the events. */
  nowNs(): bigint;
  /** At most `max` events, oldest first, as the programs wrote them. Never waits. */
  take(max: number): readonly Uint8Array[];
  missed(): MissedEvents;
  /** By service id; a service that was never dialled is absent. */
  counts(): Promise<ReadonlyMap<number, ServiceCounts>>;
  forgetCounts(ids: readonly number[]): Promise<void>;
}
