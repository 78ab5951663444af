// `clustermesh status`: how one cluster's part of the mesh is, from its API server.

import { Command } from 'commander';
import type { StatusDocument } from '../apiserver/status.ts';
import { getDocument } from './api-client.ts';
import type { ApiPlace } from './api-request.ts';
import { type OutputFormat, outputOption, pkiOption, print, serverOption } from './options.ts';
import { age, table } from './table.ts';

type SourceProblem = StatusDocument['source']['problems'][number];

export function statusCommand(): Command {
  return new Command('status')
    .description('show the API server, its peers and its agents; exit 1 when something is degraded')
    .addOption(serverOption())
    .addOption(pkiOption())
    .addOption(outputOption())
    .action(async ({ output, ...place }: ApiPlace & { output: OutputFormat }) => {
      const status = await getDocument<StatusDocument>(place, '/v1/status', 'store');
      print(output, status, renderStatus);
      if (!healthy(status)) process.exitCode = 1;
    });
}

export function healthy(status: StatusDocument): boolean {
  return (
    Object.values(status.health).every(({ state }) => state === 'ok') &&
    // Those of peers' documents are no health of a part: what is not read there is a peer that is missing.
    status.source.problems.every(({ severity }) => severity !== 'error') &&
    status.peers.every(({ phase, freshness, synced }) => phase === 'live' && freshness === 'fresh' && synced) &&
    status.agents.every(({ connected, refused }) => connected && refused.every(isLimitation))
  );
}

/** What this version cannot program (SCTP) is said, and is no fault of the mesh. */
const isLimitation = ({ code }: { readonly code: string }): boolean => code === 'AGENT_UNSUPPORTED';

/** How long something has been waiting; a word where nothing has. */
const lag = (ms: number | undefined): string => (ms === 0 ? 'level' : age(ms));

export function renderStatus(status: StatusDocument): string {
  const { store, snapshot, source } = status;
  const parts = [
    table(
      ['CLUSTER', 'ID', 'ROLE', 'ETCD', 'REVISION', 'SERVICES', 'OBJECTS'],
      [
        [
          status.cluster.name,
          status.cluster.id,
          status.leader ? 'leader' : 'standby',
          store.stale_ms === undefined ? store.phase : `${store.phase}, silent ${age(store.stale_ms)}`,
          snapshot.revision ?? '-',
          snapshot.services,
          source.objects,
        ],
      ],
    ),
  ];
  if (status.peers.length > 0) {
    parts.push(
      table(
        [
          'PEER',
          'STATE',
          'FRESHNESS',
          'HEARTBEAT',
          'SYNCED',
          'SEEN',
          'REFLECTED',
          'LAG',
          'ADMITTED',
          'WITHHELD',
          'LAST ERROR',
        ],
        status.peers.map((peer) => [
          peer.plain ? `${peer.name} (plain Cilium)` : peer.name,
          peer.phase,
          peer.freshness,
          age(peer.heartbeatAgeMs),
          peer.synced ? 'yes' : `no, ${peer.unsynced.length} to go`,
          peer.revision ?? '-',
          peer.reflected ?? '-',
          lag(peer.lag_ms),
          peer.admitted,
          peer.quarantined,
          peer.lastError ?? '-',
        ]),
      ),
    );
  }
  if (status.agents.length > 0) {
    parts.push(
      table(
        ['NODE', 'AGENT', 'DATAPATH', 'REVISION', 'BEHIND', 'LAG', 'SERVICES', 'BACKENDS', 'REFUSED'],
        status.agents.map((agent) => [
          agent.node,
          agent.connected ? 'connected' : `gone for ${age(agent.last_seen_ms)}`,
          agent.datapath,
          agent.revision ?? '-',
          agent.lag ?? '-',
          lag(agent.lag_ms),
          agent.services,
          agent.backends,
          agent.refused.length,
        ]),
      ),
    );
  }
  const notes = [
    ...Object.entries(status.health)
      .filter(([, { state }]) => state !== 'ok')
      .map(([part, { state, reason }]) => `${part}: ${state}: ${reason}`),
    ...source.problems.map(problemLine),
  ];
  if (notes.length > 0) parts.push(notes.join('\n'));
  return parts.join('\n\n');
}

/** As compilers write it, so that editors jump there: the place, then what of which object is wrong, and what to do. */
function problemLine({ file, line, column, code, object, field, reason, hint }: SourceProblem): string {
  const what = [object, field].filter((part) => part !== undefined && part !== '').join(', ');
  const remedy = hint === undefined ? '' : ` (${hint})`;
  const place = [file, line, column].filter((part) => part !== undefined).join(':');
  return `${place}: [${code}] ${what === '' ? '' : `${what}: `}${reason}${remedy}`;
}
