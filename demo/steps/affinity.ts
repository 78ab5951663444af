// `service.cilium.io/affinity: local` on west: only west answers, until its own backends end; then the others take over.

import { Expectations, type Step } from '../step.ts';
import { byName, milliseconds, sampleText } from '../words.ts';

export const affinityStep: Step = {
  name: 'affinity',
  title: 'service.cilium.io/affinity: local on west: only west answers; its backends stop, the others take over',
  async run(stage) {
    const { evidence } = stage;
    const service = stage.service('west');
    const isWest = ({ cluster }: { readonly cluster: string }) => cluster === 'west';

    const begun = evidence.now();
    stage.progress('west: affinity local');
    service.setAffinity('local');
    const localMs = await evidence.untilOnly(isWest, begun);
    const local = await evidence.sample(evidence.now());

    stage.progress('west: end all its pods');
    const stoppedAt = evidence.now();
    const ended = service.remove(...service.backends);
    const takenOverMs = await evidence.untilOnly((backend) => !isWest(backend), stoppedAt);
    await ended;
    const remote = await evidence.sample(evidence.now());

    stage.progress('west: affinity none, pods again');
    service.setAffinity('none');
    service.announce(...(await Promise.all(stage.cluster('west').nodes.map(({ at }) => service.startBackend(at)))));
    const restored = await evidence.untilServed(isWest, evidence.now());
    const whole = await evidence.seen(begun);

    const expected = new Expectations();
    expected.expect(localMs !== undefined, 'other clusters still answered');
    expected.expect(
      Object.keys(local.byCluster).join() === 'west',
      `answered with affinity: ${byName(local.byCluster)}`,
    );
    expected.expect(takenOverMs !== undefined, 'the other clusters did not take over');
    expected.expect(Object.keys(remote.byCluster).length > 0, 'nobody answered without local backends');
    expected.expect(remote.byCluster.west === undefined, 'west answered without backends');
    expected.expect(restored !== undefined, 'west did not come back');
    expected.expect(whole.failed === 0, `${whole.failed} requests failed`);
    return {
      problems: expected.problems,
      figures: {
        only_local_after_ms: Math.round(localMs ?? -1),
        local_by_cluster: local.byCluster,
        taken_over_after_ms: Math.round(takenOverMs ?? -1),
        remote_by_cluster: remote.byCluster,
        failed: whole.failed,
      },
      lines: [
        `only west after ${milliseconds(localMs)}: ${sampleText(local, evidence)}`,
        `west's pods ended, taken over after ${milliseconds(takenOverMs)}: ${sampleText(remote, evidence)}`,
        ...(evidence.kind === 'requests' ? [`in all ${sampleText(whole, evidence)}`] : []),
      ],
    };
  },
};
