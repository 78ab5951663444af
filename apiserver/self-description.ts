// What a mesh API server says of itself and of its mesh, put together from its parts when it is asked: the report of findings, the
// status, the measures, and the routes of the HTTP API that tell them. It changes nothing, but for the decision of a person that a
// release is.

import { together } from '../mesh/conflict/assessments.ts';
import { assessKernels } from '../mesh/conflict/kernel.ts';
import type { ClusterId, ClusterName } from '../mesh/model/names.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Health } from '../runtime/health.ts';
import type { Route } from '../runtime/http.ts';
import type { Log } from '../runtime/log.ts';
import { Turns } from '../runtime/turns.ts';
import { SOFTWARE_VERSION } from '../runtime/version.ts';
import type { AdmissionEngine } from './admission/engine.ts';
import type { BundleExchange } from './bundles/compose.ts';
import type { ReflectionProgress } from './convergence/reflection.ts';
import { FindingLog } from './diagnostics/finding-log.ts';
import { kernelsOf } from './diagnostics/kernels.ts';
import { paced } from './diagnostics/paced.ts';
import { recentReport } from './diagnostics/recent-report.ts';
import { releaseFinding } from './diagnostics/release.ts';
import { withheldCounts } from './diagnostics/withheld.ts';
import { servicesDocument, statusDocument } from './documents.ts';
import { apiRoutes } from './http/routes.ts';
import { createMetrics, type Measures } from './metrics.ts';
import type { OwnEtcd } from './own-etcd.ts';
import type { OwnLeaves } from './own-leaves.ts';
import { localServiceOf, quarantineEntries, withHeartbeatAges } from './own-state.ts';
import { objectCount, sourceHealth, tlsHealth, writeHealth } from './parts.ts';
import type { peerLadders } from './peer-ladder.ts';
import type { watchPeerTrust } from './peer-trust.ts';
import type { PeerSet } from './peers/peer-set.ts';
import { Piecework } from './peers/piecework.ts';
import type { Publisher } from './publisher/publisher.ts';
import type { Reflector } from './reflect/reflector.ts';
import type { MeshServer } from './rpc/server.ts';
import type { ApiServerTls } from './settings.ts';
import type { Source } from './sources/port.ts';
import type { View } from './view/view.ts';

export interface DescribedParts {
  readonly cluster: { readonly name: ClusterName; readonly id: ClusterId };
  /** Whether this replica is the one that writes. */
  readonly leading: () => boolean;
  readonly etcd: OwnEtcd;
  readonly source: Source;
  readonly admission: AdmissionEngine;
  readonly view: View;
  readonly peers: PeerSet;
  readonly progress: ReflectionProgress;
  readonly ladders: ReturnType<typeof peerLadders>;
  readonly rpc: MeshServer;
  readonly publisher: Publisher;
  readonly reflector: Reflector;
  readonly bundles: BundleExchange;
  readonly peerTrust: ReturnType<typeof watchPeerTrust>;
  readonly ownLeaves: OwnLeaves;
  readonly tls: ApiServerTls;
  readonly health: Health;
  readonly clock: Clock;
  readonly log: Log;
}

export interface ServerDescription {
  readonly routes: readonly Route[];
  /** Tells the log of findings that come and go, for as long as it runs. */
  readonly findingLog: FindingLog;
}

export function describeServer(parts: DescribedParts): ServerDescription {
  const { cluster, leading, etcd, source, admission, view, peers, progress, ladders, rpc } = parts;
  const { publisher, reflector, bundles, peerTrust, ownLeaves, tls, health, clock, log } = parts;
  const report = () =>
    withHeartbeatAges(
      admission.report({
        revision: etcd.mirror.state.position?.revision,
        ownStateCurrent: etcd.mirror.state.phase === 'live',
        more: together(
          assessKernels(kernelsOf(rpc.agents), { local: cluster.name, now: clock.now() }),
          ownLeaves.assess(bundles.assess(peerTrust.assessment())),
        ),
      }),
      peers,
    );
  const lookAtHealth = () => {
    sourceHealth(source, health);
    tlsHealth(tls, health);
    writeHealth(publisher.state, reflector, health, clock.now());
  };
  const status = () => {
    lookAtHealth();
    return statusDocument({
      cluster,
      software: SOFTWARE_VERSION,
      leader: leading(),
      mirror: etcd.mirror.state,
      clock,
      objects: objectCount(source.objects),
      problems: [...source.problems, ...peers.problems],
      snapshot: view.current,
      reached: view.reached,
      peers: peers.states,
      outcome: (peer) => ({
        admitted: admission.admitted(peer.name).size,
        quarantined: admission.quarantine(peer.name).size,
      }),
      progress: (peer) => progress.of(peer.name),
      ladder: (peer) => ladders.last(peer.name),
      agents: rpc.agents,
      health,
    });
  };
  const onFindings = (listener: () => void) => {
    const stops = [
      admission.onFindings(listener),
      peerTrust.onChange(listener),
      bundles.onChange(listener),
      ownLeaves.onChange(listener),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  };
  const reportTurns = new Turns(clock);
  const prepareReport = () =>
    new Promise<void>((resolve) => new Piecework(reportTurns, resolve).add(admission.prepareReport()));
  const scraped = recentReport(report, clock);
  const measure = async (): Promise<Measures> => {
    await prepareReport();
    lookAtHealth();
    return {
      leader: leading(),
      revision: view.current?.position.revision,
      services: view.current?.services.size ?? 0,
      sourceProblems: source.problems.length + peers.problems.length,
      peers: peers.pulses.map(([name, { phase, heartbeatAgeMs }]) => ({
        name,
        live: phase === 'live',
        heartbeatAgeMs,
        admitted: admission.admitted(name).size,
        withheld: admission.quarantine(name).size,
      })),
      agents: rpc.agents.map(({ node, connected, lagRevisions, refused }) => ({
        node,
        connected,
        lag: lagRevisions,
        refused: refused.length,
      })),
      report: scraped(),
      withheld: withheldCounts(admission),
      certificateEnds: ownLeaves.ends,
      queues: {
        intake: peers.waiting,
        admit: admission.waiting,
        reflect: reflector.depth,
        publish: publisher.state.queueDepth,
        agents: rpc.behind,
      },
    };
  };
  const findingLog = new FindingLog({
    report,
    prepare: prepareReport,
    onFindings,
    clock,
    log: log.child({ part: 'findings' }),
  });
  const routes = apiRoutes({
    health,
    status,
    report: async () => {
      await prepareReport();
      return report();
    },
    services: () => servicesDocument(view.current, (key) => localServiceOf(etcd.mirror.entries, key)),
    onFindings: paced(onFindings, clock),
    quarantine: () => quarantineEntries(admission),
    release: (fingerprint) =>
      releaseFinding(fingerprint, { admission, report, own: etcd.mirror.entries, leading, clock, log }),
    metrics: createMetrics(measure, clock),
  });
  return { routes, findingLog };
}
