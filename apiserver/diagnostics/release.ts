// Carries out what a person decides about a finding: that a cluster was rebuilt, or its keys were
// replaced, on purpose. Says what came of it only once the
// decision is stored, because the next process of this cluster begins from what is stored. The replica that writes decides;
// the others learn of it from the store.

import { isReleasable } from '../../mesh/conflict/catalogue.ts';
import type { Finding } from '../../mesh/conflict/finding.ts';
import type { Report } from '../../mesh/conflict/report.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import { cardKey } from '../../mesh/wire/card.ts';
import { type Clock, sleep } from '../../runtime/clock.ts';
import type { Log } from '../../runtime/log.ts';
import type { AdmissionEngine } from '../admission/engine.ts';
import type { KeyValue } from '../store/port.ts';

export type ReleaseOutcome =
  /** `recorded`: the decision is stored. */
  | {
      readonly result: 'released';
      readonly cluster: ClusterName;
      readonly finding: Finding;
      readonly recorded: boolean;
    }
  | { readonly result: 'unknown' }
  /** The finding goes when its cause does. */
  | { readonly result: 'undecidable'; readonly finding: Finding }
  /** Another replica writes. */
  | { readonly result: 'standby' };

export interface ReleaseDeps {
  readonly admission: Pick<AdmissionEngine, 'release' | 'admittedCard'>;
  readonly report: () => Pick<Report, 'findings'>;
  /** The mirror of the own etcd, in which the decision is to be seen. */
  readonly own: ReadonlyMap<string, KeyValue>;
  readonly leading: () => boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/** Storing takes milliseconds; a person is told after this that it has not happened yet. */
const RECORDED_MS_MAX = 5_000;
const LOOK_MS = 50;

export async function releaseFinding(fingerprint: string, deps: ReleaseDeps): Promise<ReleaseOutcome> {
  const { admission, report, leading, log } = deps;
  const finding = report().findings.find((present) => present.fingerprint === fingerprint);
  if (finding === undefined) return { result: 'unknown' };
  if (!isReleasable(finding.code)) return { result: 'undecidable', finding };
  if (!leading()) return { result: 'standby' };
  const cluster = admission.release(fingerprint);
  // On the own cluster of whoever was rebuilt nothing is withheld, so that there is nothing to decide either.
  if (cluster === undefined) return { result: 'undecidable', finding };
  log.info('finding released', { code: finding.code, subject: cluster, fingerprint });
  return { result: 'released', cluster, finding, recorded: await isRecorded(cluster, deps) };
}

async function isRecorded(cluster: ClusterName, { admission, own, clock }: ReleaseDeps): Promise<boolean> {
  const deadline = clock.monotonic() + RECORDED_MS_MAX;
  while (clock.monotonic() < deadline) {
    const [stored, decided] = [own.get(cardKey(cluster))?.value, admission.admittedCard(cluster)];
    if (stored !== undefined && decided !== undefined && Buffer.compare(stored, decided) === 0) return true;
    await sleep(clock, LOOK_MS);
  }
  return false;
}
