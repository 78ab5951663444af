// Three clusters start, each for itself, and become peers of each other: one administrator invites, the other joins, and nothing but a
// line of text goes between them.

import { sleep } from '../../runtime/clock.ts';
import { MESH_CLUSTERS } from '../clusters.ts';
import type { Stage } from '../stage.ts';
import { Expectations, type Step } from '../step.ts';
import { milliseconds } from '../words.ts';

const PEERS_LIVE_WITHIN_MS = 30_000;
const POLL_MS = 50;

export const meshStep: Step = {
  name: 'mesh',
  title: 'Three clusters become a mesh: an etcd, a mesh API server and two nodes each, every link under mutual TLS',
  async run(stage) {
    const { mesh, signal, clock } = stage;
    await mesh.open();
    const clusters = await mesh.addClusters(MESH_CLUSTERS, signal);
    await mesh.startAgents(clusters, signal);
    const joins = await mesh.joinAll(clusters);
    const connectedAt = clock.monotonic();
    const waiting = await untilPeersLive(stage);
    const peersLiveMs = clock.monotonic() - connectedAt;
    const nodes = clusters.flatMap((cluster) => cluster.nodes);
    const joinMs = joins.map(({ ms }) => ms);
    const expected = new Expectations();
    for (const { inviter, joiner, words, outcome } of joins) {
      expected.expect(outcome.joined, `${joiner} could not join ${inviter}`);
      expected.expect(!outcome.joined || outcome.words === words, `${joiner} was shown other words than ${inviter}`);
    }
    expected.expect(
      waiting.length === 0,
      `not live and synced within ${PEERS_LIVE_WITHIN_MS / 1000} s: ${waiting.join(', ')}`,
    );
    return {
      problems: expected.problems,
      figures: {
        clusters: clusters.length,
        nodes: nodes.length,
        peer_links: clusters.length * (clusters.length - 1),
        joins: joins.length,
        join_ms_max: Math.round(Math.max(...joinMs)),
        peers_live_ms: Math.round(peersLiveMs),
      },
      lines: [
        ...clusters.map(({ plan: { spec, nodes: planned } }) => {
          const where = planned.map(({ name, address }) => `${name} ${address}`).join(', ');
          return `${spec.name}: id ${spec.id}, pods ${spec.podCIDRs.join(', ')}, services ${spec.serviceCIDRs.join(', ')}, nodes ${where}`;
        }),
        ...joins.map(
          ({ inviter, joiner, words, ms }) =>
            `${inviter} invites, ${joiner} joins: ${milliseconds(ms)}, words "${words}"`,
        ),
        `all peers live and synced ${milliseconds(peersLiveMs)} after the last join`,
      ],
    };
  },
};

/** The links that are not live yet when time is up. */
async function untilPeersLive({ clusters, clock, signal, progress }: Stage): Promise<readonly string[]> {
  const deadline = clock.monotonic() + PEERS_LIVE_WITHIN_MS;
  for (;;) {
    const waiting: string[] = [];
    for (const cluster of clusters) {
      const { peers } = await cluster.status();
      for (const other of clusters) {
        if (other === cluster) continue;
        const link = peers.find(({ name }) => name === other.name);
        if (link?.phase !== 'live' || !link.synced) waiting.push(`${cluster.name} → ${other.name}`);
      }
    }
    if (waiting.length === 0 || clock.monotonic() > deadline) return waiting;
    progress(`waiting for ${waiting.join(', ')}`);
    await sleep(clock, POLL_MS, signal);
  }
}
