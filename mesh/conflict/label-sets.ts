// Label sets of identities, each in memory once: the clusters of a mesh run the same workloads, and every one of them publishes their
// labels anew. That a set is forgotten and made again does no harm, so that the table is bounded by beginning a new one.

export interface LabelSet {
  readonly labels: readonly string[];
  /** All labels; equal texts mean that policies see the same. */
  readonly text: string;
}

export const NO_LABELS: LabelSet = { labels: [], text: '' };

/** More than the identities that Cilium lets one cluster have; some 20 MB where all differ. */
const SETS_MAX = 65_536;

export class LabelSets {
  readonly #byText = new Map<string, LabelSet>();

  of(labels: readonly string[]): LabelSet {
    const text = labels.join(';');
    const known = this.#byText.get(text);
    if (known !== undefined) return known;
    if (this.#byText.size === SETS_MAX) this.#byText.clear();
    const labelSet = { labels, text };
    this.#byText.set(text, labelSet);
    return labelSet;
  }
}
