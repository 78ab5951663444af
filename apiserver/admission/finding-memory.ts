// Since when each finding is there. A finding that goes and comes back begins anew. What an earlier process or the leader wrote down
// counts for findings that this process has not seen yet: after a start it takes a while until everything is looked at again, and
// a finding that was there all the time must not look new.

import type { Memory } from '../../mesh/conflict/evaluate.ts';
import type { Finding } from '../../mesh/conflict/finding.ts';

const NOTHING: ReadonlyMap<string, number> = new Map();

export class FindingMemory {
  #seen = new Map<string, number>();
  #restored = NOTHING;

  /** For findings that are there now, and for those that may be found again. */
  get firstSeen(): Memory {
    return this.#restored.size === 0 ? this.#seen : new Map([...this.#restored, ...this.#seen]);
  }

  /** The findings that are there now, and no others. */
  observe(findings: readonly Finding[], now: number): void {
    const known = this.firstSeen;
    this.#seen = new Map(findings.map(({ fingerprint }) => [fingerprint, known.get(fingerprint) ?? now]));
  }

  /** What is written down. It is right where this process thinks that a finding is younger; dates to come are of another clock. */
  restore(dates: ReadonlyMap<string, number>, now: number): void {
    this.#restored = new Map([...dates].filter(([, at]) => at <= now));
    for (const [fingerprint, at] of this.#seen) {
      const restored = this.#restored.get(fingerprint);
      if (restored !== undefined && restored < at) this.#seen.set(fingerprint, restored);
    }
  }

  /** Everything was looked at again: what has not been found by now is gone. */
  settle(): void {
    this.#restored = NOTHING;
  }
}
