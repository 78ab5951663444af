// One service, in three clusters, by the same name: a client on west is answered by backends of all of them.

import type { LabCluster } from '../../lab/cluster.ts';
import { SERVICE } from '../clusters.ts';
import type { Evidence } from '../evidence.ts';
import { ProgrammedEvidence } from '../programmed-evidence.ts';
import { RequestEvidence } from '../request-evidence.ts';
import type { Stage } from '../stage.ts';
import { Expectations, type Step } from '../step.ts';
import { milliseconds, sampleFigures, sampleText } from '../words.ts';

export const globalServiceStep: Step = {
  name: 'global-service',
  title: 'A global service: a client on west is answered by backends of all three clusters',
  async run(stage) {
    for (const cluster of stage.clusters) await putService(stage, cluster);
    const announcedAt = stage.clock.now();
    const evidence = await watch(stage);
    stage.putEvidence(evidence);
    const names = stage.clusters.map(({ name }) => name);
    stage.progress('waiting for answers from every cluster');
    const reached = await Promise.all(
      names.map((name) => evidence.untilServed(({ cluster }) => cluster === name, announcedAt)),
    );
    stage.progress('counting answers');
    const sample = await evidence.sample(evidence.now());
    const expected = new Expectations();
    for (const [index, name] of names.entries()) {
      expected.expect(reached[index] !== undefined, `no backend of ${name} was reached`);
      expected.expect((sample.byCluster[name] ?? 0) > 0, `${name} answered nothing`);
    }
    expected.expect(sample.failed === 0, `${sample.failed} requests failed`);
    return {
      problems: expected.problems,
      figures: { address: stage.service('west').url, ...sampleFigures(sample, evidence) },
      lines: [
        `${stage.service('west').key} at ${stage.service('west').url}, from ${stage.cluster('west').nodes[0]?.name ?? ''}`,
        sampleText(sample, evidence),
        `every cluster served after ${milliseconds(Math.max(...reached.map((ms) => ms ?? Number.POSITIVE_INFINITY)))}`,
      ],
    };
  },
};

/** A pod on every node of the cluster. */
async function putService(stage: Stage, cluster: LabCluster): Promise<void> {
  stage.progress(`${cluster.name}: start pods`);
  const service = cluster.addService(SERVICE);
  stage.putService(cluster.name, service);
  service.announce(...(await Promise.all(cluster.nodes.map(({ at }) => service.startBackend(at)))));
}

async function watch(stage: Stage): Promise<Evidence> {
  const { mesh, signal, clock, rate } = stage;
  const west = stage.cluster('west');
  const [node] = west.nodes;
  if (node === undefined) throw new Error('west has no node');
  const service = stage.service('west');
  if (!mesh.underlay.forwards) {
    return new ProgrammedEvidence({ mesh, cluster: west, node: node.name, service: service.key, clock, signal });
  }
  // Until the service is programmed nobody owns its address, and requests to it would be failures of nothing.
  const programmed = new ProgrammedEvidence({
    mesh,
    cluster: west,
    node: node.name,
    service: service.key,
    clock,
    signal,
  });
  for (const { name } of stage.clusters) await programmed.untilServed(({ cluster }) => cluster === name, clock.now());
  return new RequestEvidence({ traffic: await mesh.startTraffic(node, service.url, rate), signal });
}
