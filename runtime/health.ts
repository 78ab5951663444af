// What a process says about its own parts: one state per named part, set by that part alone. Health is for supervisors and
// people; it is not a log and not a metric.

import type { Clock } from './clock.ts';

export type HealthState = 'ok' | 'degraded' | 'starting';

export interface HealthEntry {
  readonly state: HealthState;
  /** One line; empty for ok. */
  readonly reason: string;
  /** Milliseconds since the epoch at which the state last changed. */
  readonly since: number;
}

export class Health {
  readonly #clock: Clock;
  readonly #entries = new Map<string, HealthEntry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  set(part: string, state: HealthState, reason = ''): void {
    const known = this.#entries.get(part);
    const since = known?.state === state ? known.since : this.#clock.now();
    this.#entries.set(part, { state, reason, since });
  }

  get entries(): ReadonlyMap<string, HealthEntry> {
    return this.#entries;
  }

  /** Ready: no part is still starting. A degraded part does not take a process out of service. */
  get ready(): boolean {
    return [...this.#entries.values()].every((entry) => entry.state !== 'starting');
  }
}
