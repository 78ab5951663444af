// A fourth cluster comes whose pods' range lies inside central's. Its join is refused, and west, which invited it, knows only through
// central why. Then somebody connects it by hand all the same: the conflicting part is withheld, and everything else goes on.

import { invite, joinWith } from '../../lab/joining.ts';
import { explain } from '../../mesh/conflict/explain.ts';
import type { Finding } from '../../mesh/conflict/finding.ts';
import { sleep } from '../../runtime/clock.ts';
import { ROGUE, SERVICE } from '../clusters.ts';
import type { Stage } from '../stage.ts';
import { Expectations, type Step } from '../step.ts';
import { milliseconds, sampleFigures, sampleText } from '../words.ts';

const OVERLAP = 'CM-CIDR-001';
const FOUND_WITHIN_MS = 20_000;
const POLL_MS = 50;

export const conflictStep: Step = {
  name: 'conflict',
  title:
    "A fourth cluster whose pod CIDR overlaps central's: its join is refused; connected by hand, the overlap is withheld, and nobody else is disturbed",
  async run(stage) {
    const { mesh, signal, evidence } = stage;
    const before = stage.clusters;
    const disturbedSince = evidence.now();
    const [rogue] = await mesh.addClusters([ROGUE], signal);
    if (rogue === undefined) throw new Error('no rogue cluster was made');
    const service = rogue.addService(SERVICE);
    stage.putService(rogue.name, service);
    const pods = await Promise.all(rogue.nodes.map(({ at }) => service.startBackend(at)));
    const [conflicting, harmless] = pods;
    if (conflicting === undefined || harmless === undefined) throw new Error('rogue needs a pod in each of its ranges');
    service.announce(...pods);

    stage.progress('west invites rogue, and rogue tries to join');
    const { token } = await invite(mesh.cluster('west'), rogue, stage.clock);
    const refusal = await joinWith(rogue, token, stage.clock);
    const blocking = refusal.joined
      ? undefined
      : refusal.findings.find(({ code, severity }) => code === OVERLAP && severity === 'blocking');
    const peersAfterRefusal = (await rogue.status()).peers.length;

    stage.progress('rogue is connected by hand all the same');
    const connectedAt = evidence.now();
    for (const cluster of before) {
      await cluster.addPeer(rogue);
      await rogue.addPeer(cluster);
    }
    stage.progress('waiting for the finding on west');
    const finding = await untilFound(stage, rogue.name);
    const foundMs = evidence.now() - connectedAt;
    stage.progress('waiting for what is not in conflict');
    const harmlessMs = await evidence.untilServed(({ pod }) => pod === harmless.pod, connectedAt);
    const sample = await evidence.sample(evidence.now());
    const whole = await evidence.seen(disturbedSince);
    const served = await evidence.hasServed(({ pod }) => pod === conflicting.pod, disturbedSince);

    const expected = new Expectations();
    expected.expect(!refusal.joined && refusal.status === 409, 'the join of rogue was not refused with 409');
    expected.expect(blocking !== undefined, `the refusal names no blocking ${OVERLAP}`);
    expected.expect(peersAfterRefusal === 0, 'the refused join left a peer at rogue');
    expected.expect(finding !== undefined, `west reports no ${OVERLAP} of rogue against central`);
    expected.expect(finding === undefined || finding.winner === 'central', `the winner is ${finding?.winner}`);
    expected.expect(harmlessMs !== undefined, `${harmless.pod}, which is not in conflict, was not reached`);
    expected.expect(!served, `${conflicting.pod} at ${conflicting.address} was reached`);
    expected.expect(whole.failed === 0, `${whole.failed} requests failed`);
    for (const { name } of before) expected.expect((sample.byCluster[name] ?? 0) > 0, `${name} answers no more`);
    return {
      problems: expected.problems,
      figures: {
        join_status: refusal.joined ? 200 : refusal.status,
        join_refused_for: blocking?.code ?? '',
        code: finding?.code ?? '',
        winner: finding?.winner ?? '',
        found_ms: Math.round(foundMs),
        withheld_backends: finding?.effect.withheld.backends ?? 0,
        withheld_endpoints: finding?.effect.withheld.endpoints ?? 0,
        answers_from_withheld: served ? 1 : 0,
        ...sampleFigures(whole, evidence),
      },
      findings: finding === undefined ? [] : [finding],
      lines: [
        `rogue joins west: refused with ${refusal.joined ? 'nothing' : refusal.status}${blocking === undefined ? '' : `, ${blocking.code} ${blocking.severity}: ${explain(blocking).what}`}`,
        'connected by hand all the same:',
        ...(finding === undefined ? [] : findingLines(finding)),
        `found ${milliseconds(foundMs)} after rogue was connected; ${conflicting.pod} at ${conflicting.address} was never ${evidence.kind === 'requests' ? 'reached' : 'programmed'}, ${harmless.pod} at ${harmless.address} is`,
        sampleText(whole, evidence),
      ],
    };
  },
};

/** The finding as west reports it, once it says that something is withheld for it. */
async function untilFound({ clock, signal, mesh }: Stage, rogue: string): Promise<Finding | undefined> {
  const deadline = clock.monotonic() + FOUND_WITHIN_MS;
  const west = mesh.cluster('west');
  let last: Finding | undefined;
  while (clock.monotonic() < deadline) {
    const { findings } = await west.conflicts();
    last = findings.find(({ code, subject }) => code === OVERLAP && subject.cluster === rogue) ?? last;
    if (last !== undefined && last.effect.withheld.backends + last.effect.withheld.endpoints > 0) return last;
    await sleep(clock, POLL_MS, signal);
  }
  return last;
}

function findingLines(finding: Finding): readonly string[] {
  const { what, why, effect, fix } = explain(finding);
  return [
    `${finding.code} ${finding.severity}`,
    `  what    ${what}`,
    `  why     ${why}`,
    `  effect  ${effect}`,
    `  fix     ${fix}`,
  ];
}
