// Collects what rules say, and bounds it: a peer that is wrong in every one of a million records yields a bounded list and
// an exact count. Rules must add in a fixed order, so that the same ones are kept on every cluster.

import type { Draft } from './finding.ts';
import type { OmittedFindings } from './report.ts';

/** Findings kept per code and cluster at fault: more than anybody reads, and small enough to serve in one answer. */
const FINDINGS_PER_CODE_AND_CLUSTER_MAX = 1_000;

export class Drafts {
  readonly #kept: Draft[] = [];
  readonly #counts = new Map<string, number>();

  /** `make` is called only while there is room. */
  add(code: string, cluster: string, make: () => Draft): void {
    const place = `${code} ${cluster}`;
    const count = this.#counts.get(place) ?? 0;
    this.#counts.set(place, count + 1);
    if (count < FINDINGS_PER_CODE_AND_CLUSTER_MAX) this.#kept.push(make());
  }

  get kept(): readonly Draft[] {
    return this.#kept;
  }

  get omitted(): readonly OmittedFindings[] {
    return [...this.#counts]
      .filter(([, count]) => count > FINDINGS_PER_CODE_AND_CLUSTER_MAX)
      .map(([place, count]) => {
        const [code = '', cluster = ''] = place.split(' ');
        return { code, cluster, count: count - FINDINGS_PER_CODE_AND_CLUSTER_MAX };
      });
  }
}
