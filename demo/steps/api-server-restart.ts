// The API server of west is killed and started again: its agents keep what is in the kernel, so no request notices.

import { sleep } from '../../runtime/clock.ts';
import type { Stage } from '../stage.ts';
import { Expectations, type Step } from '../step.ts';
import { milliseconds, sampleFigures, sampleText } from '../words.ts';

/** Long enough that a request would meet the outage. */
const DOWN_MS = 2_000;
const WHOLE_WITHIN_MS = 30_000;
const POLL_MS = 50;

export const apiServerRestartStep: Step = {
  name: 'api-server-restart',
  title: 'The API server of west is killed and started again under traffic: no request fails',
  async run(stage) {
    const { evidence, clock, signal } = stage;
    const west = stage.cluster('west');
    const clusters = stage.clusters.filter(({ name }) => name !== 'rogue').map(({ name }) => name);
    const since = evidence.now();
    stage.progress('west: kill the API server');
    await west.apiServer.kill();
    await sleep(clock, DOWN_MS, signal);
    const during = await evidence.seen(since);
    stage.progress('west: start it again');
    const startedAt = clock.monotonic();
    await west.apiServer.start();
    await west.apiServer.ready(signal);
    const readyMs = clock.monotonic() - startedAt;
    const waiting = await untilWhole(stage);
    const wholeMs = clock.monotonic() - startedAt;
    const sample = await evidence.sample(evidence.now());
    const whole = await evidence.seen(since);

    const expected = new Expectations();
    expected.expect(waiting.length === 0, `not back within ${WHOLE_WITHIN_MS / 1000} s: ${waiting.join(', ')}`);
    expected.expect(whole.failed === 0, `${whole.failed} requests failed`);
    for (const name of clusters) {
      if (evidence.kind === 'requests') {
        expected.expect((during.byCluster[name] ?? 0) > 0, `${name} answered nothing while the API server was down`);
      }
      expected.expect((sample.byCluster[name] ?? 0) > 0, `${name} answered nothing afterwards`);
    }
    return {
      problems: expected.problems,
      figures: {
        down_ms: DOWN_MS,
        ready_ms: Math.round(readyMs),
        agents_and_peers_back_ms: Math.round(wholeMs),
        ...sampleFigures(whole, evidence),
      },
      lines: [
        `down for ${milliseconds(DOWN_MS)}, ready ${milliseconds(readyMs)} after its start, agents and peers back after ${milliseconds(wholeMs)}`,
        sampleText(whole, evidence),
      ],
    };
  },
};

/** The agents and peers that are not back when time is up. */
async function untilWhole({ mesh, clock, signal, progress }: Stage): Promise<readonly string[]> {
  const west = mesh.cluster('west');
  const deadline = clock.monotonic() + WHOLE_WITHIN_MS;
  for (;;) {
    const { agents, peers } = await west.status();
    const waiting = [
      ...west.nodes
        .map(({ name }) => name)
        .filter((name) => !agents.some((agent) => agent.node === name && agent.connected && agent.lag === 0)),
      ...peers.filter(({ phase, synced }) => phase !== 'live' || !synced).map(({ name }) => name),
    ];
    if (waiting.length === 0 || clock.monotonic() > deadline) return waiting;
    progress(`waiting for ${waiting.join(', ')}`);
    await sleep(clock, POLL_MS, signal);
  }
}
