// Which of what clusters declare of themselves is admitted: their configs, and cards, which become the history that later cards are
// compared with. A config goes with its cluster's standing; a card waits for as long as something in it is new and not confirmed. Made
// anew for whomever a change can have touched, after each evaluation.

import type { MeshEvaluation } from '../../mesh/conflict/evaluation.ts';
import type { Standing } from '../../mesh/conflict/standing.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { KnownCluster } from './known-cluster.ts';
import { SETTLED_AFTER_MS } from './settled.ts';

export interface DeclarationAdmissionDeps {
  readonly local: ClusterName;
  readonly evaluation: MeshEvaluation;
  readonly known: ReadonlyMap<ClusterName, KnownCluster>;
  readonly clock: Clock;
}

export class DeclarationAdmission {
  readonly #deps: DeclarationAdmissionDeps;
  /** Of the evaluation, when declarations were looked at last. */
  #rulingsSeen = -1;
  /** Monotonic milliseconds. */
  #ownSettlesAt = Number.NEGATIVE_INFINITY;

  constructor(deps: DeclarationAdmissionDeps) {
    this.#deps = deps;
  }

  /** The own cluster has a history: what it added looks free for as long as nobody is there who has it. */
  restoredOwn(): void {
    this.#ownSettlesAt = this.#deps.clock.monotonic() + SETTLED_AFTER_MS;
  }

  /** True when a card became history, so that what depends on it is to be judged again. */
  admit(changed: KnownCluster | undefined): boolean {
    let admitted = false;
    for (const known of this.#concerned(changed)) admitted = this.#admitOf(known) || admitted;
    return admitted;
  }

  /** Whose declarations may fare otherwise than before: all, once something about clusters changed; of the own one, time decides too. */
  #concerned(changed: KnownCluster | undefined): Iterable<KnownCluster> {
    const { evaluation, known, local } = this.#deps;
    if (evaluation.rulings !== this.#rulingsSeen) {
      this.#rulingsSeen = evaluation.rulings;
      return known.values();
    }
    return [known.get(local), changed].filter((one) => one !== undefined);
  }

  #admitOf(known: KnownCluster): boolean {
    const { evaluation, local } = this.#deps;
    const standing = evaluation.clusters.get(known.name)?.standing;
    if (standing === undefined) return false;
    if (known.name === local) return this.#admitOwnCard(known, standing);
    if (standing.unconfirmed) return false;
    if (evaluation.context.holds.wholeOf(known.name).length > 0) {
      known.withholdConfig();
      return false;
    }
    known.admitConfig(standing);
    // A range of the card that is held back as new leaves the card as it was.
    if (!known.hasNewCard || evaluation.hasNewcomer(known.name)) return false;
    return this.#admitCard(known);
  }

  /**
   * The own card becomes history as that of a peer does, so that a range which the cluster adds is a newcomer here as it is for its
   * peers. Who the own cluster is, it knows best: another uid is no reason to wait for anybody.
   */
  #admitOwnCard(known: KnownCluster, { unconfirmed }: Standing): boolean {
    if (!known.hasNewCard) return false;
    const settled = this.#deps.clock.monotonic() >= this.#ownSettlesAt;
    if (!unconfirmed && (!settled || this.#deps.evaluation.hasNewcomer(known.name))) return false;
    return this.#admitCard(known);
  }

  #admitCard(known: KnownCluster): true {
    known.admitCard();
    this.#deps.evaluation.declare(known.name, known.declarations);
    return true;
  }
}
