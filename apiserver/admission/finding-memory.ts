// Since when each finding is there. A finding that goes and comes back begins anew.

import type { Memory } from '../../mesh/conflict/evaluate.ts';
import type { Finding } from '../../mesh/conflict/finding.ts';

export class FindingMemory {
  #firstSeen = new Map<string, number>();

  get firstSeen(): Memory {
    return this.#firstSeen;
  }

  /** The findings that are there now, and no others. */
  observe(findings: readonly Finding[], now: number): void {
    this.#firstSeen = new Map(
      findings.map(({ fingerprint }) => [fingerprint, this.#firstSeen.get(fingerprint) ?? now]),
    );
  }
}
