// The same pod ends, as pods do: no request fails.

import { Expectations, type Step } from '../step.ts';
import { milliseconds, sampleText } from '../words.ts';

export const backendRemovedStep: Step = {
  name: 'backend-removed',
  title: 'A backend is removed in east under traffic: no request fails',
  async run(stage) {
    const { evidence } = stage;
    const service = stage.service('east');
    const removed = service.backends.at(-1);
    if (removed === undefined) throw new Error('east has no backend');
    const since = evidence.now();
    stage.progress(`east: end ${removed.pod}`);
    const ended = service.remove(removed);
    const leftMs = await evidence.untilOnly(({ pod }) => pod !== removed.pod, since);
    await ended;
    const sample = await evidence.sample(since);
    const expected = new Expectations();
    expected.expect(leftMs !== undefined, `${removed.pod} still served`);
    expected.expect(sample.failed === 0, `${sample.failed} requests failed`);
    return {
      problems: expected.problems,
      figures: { pod: removed.pod, no_new_request_after_ms: Math.round(leftMs ?? -1), failed: sample.failed },
      lines: [
        evidence.kind === 'requests'
          ? `${removed.pod}: reached by no request that was begun later than ${milliseconds(leftMs)} after it began to end`
          : `${removed.pod}: no new connections on west ${milliseconds(leftMs)} after it began to end`,
        ...(evidence.kind === 'requests' ? [sampleText(sample, evidence)] : []),
      ],
    };
  },
};
