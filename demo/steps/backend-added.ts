// A pod starts in east: how long until a client on west reaches it.

import { Expectations, type Step } from '../step.ts';
import { milliseconds, sampleText } from '../words.ts';

/** From the manifest's change to the first answer, on two busy cores. */
const SERVED_MS_MAX = 5_000;

export const backendAddedStep: Step = {
  name: 'backend-added',
  title: 'A backend is added in east: a client on west reaches it',
  async run(stage) {
    const { evidence } = stage;
    const service = stage.service('east');
    const [node] = stage.cluster('east').nodes;
    if (node === undefined) throw new Error('east has no node');
    stage.progress('east: start a pod');
    const added = await service.startBackend(node.at);
    const since = evidence.now();
    service.announce(added);
    const servedMs = await evidence.untilServed(({ pod }) => pod === added.pod, since);
    const sample = await evidence.seen(since);
    const expected = new Expectations();
    expected.expect(servedMs !== undefined && servedMs <= SERVED_MS_MAX, `reached: ${milliseconds(servedMs)}`);
    expected.expect(sample.failed === 0, `${sample.failed} requests failed`);
    return {
      problems: expected.problems,
      figures: { pod: added.pod, first_answer_ms: Math.round(servedMs ?? -1), failed: sample.failed },
      lines: [
        `${added.pod} at ${added.address}: ${evidence.kind === 'requests' ? 'first answer' : 'programmed on west'} ${milliseconds(servedMs)} after its endpoint was written`,
        ...(evidence.kind === 'requests' ? [`meanwhile ${sampleText(sample, evidence)}`] : []),
      ],
    };
  },
};
