// `clustermesh peers`: every peer of one cluster, in both directions, with the keys that are trusted for it and for nobody else.

import { Command } from 'commander';
import type { PeerEntry, PeersDocument } from '../apiserver/peers/peers-document.ts';
import { counted } from '../mesh/model/counted.ts';
import { getDocument } from './api-client.ts';
import type { ApiPlace } from './api-request.ts';
import { type OutputFormat, outputOption, pkiOption, print, serverOption } from './options.ts';
import { age, table } from './table.ts';

export function peersCommand(): Command {
  return new Command('peers')
    .description(
      'list peers: state, age, both directions, and trusted keys; exit 1 when one is not connected both ways',
    )
    .addOption(serverOption())
    .addOption(pkiOption())
    .addOption(outputOption())
    .action(async ({ output, ...place }: ApiPlace & { output: OutputFormat }) => {
      const document = await getDocument<PeersDocument>(place, '/v1/peers', 'peers');
      print(output, document, renderPeers);
      if (!document.peers.every(isConnected)) process.exitCode = 1;
    });
}

const isConnected = ({ outbound, inbound, trust }: PeerEntry): boolean =>
  outbound.phase === 'live' && inbound.connected && trust.problem === null;

export function renderPeers({ cluster, peers, revoked }: PeersDocument): string {
  const away = revoked.length === 0 ? [] : [`revoked: ${revoked.join(', ')}`];
  if (peers.length === 0)
    return [`${cluster} has no peers: \`clustermesh invite\` makes a token for one.`, ...away].join('\n\n');
  const rows = peers.map(({ name, plain, outbound, inbound }) => [
    plain ? `${name} (plain Cilium)` : name,
    outbound.phase,
    outbound.freshness,
    age(outbound.age_ms ?? undefined),
    outbound.synced ? 'yes' : 'no',
    inbound.connected
      ? `${counted(inbound.calls, 'call')}, ${counted(inbound.watches, 'watch', 'watches')}`
      : 'not connected',
    outbound.last_error ?? '-',
  ]);
  const trust = peers.flatMap(({ name, trust: { authorities, problem } }) => [
    ...authorities.map(({ subject, spki_pin, valid_to }) => [name, spki_pin, valid_to, subject]),
    ...(problem === null ? [] : [[name, '-', '-', problem]]),
  ]);
  return [
    table(['PEER', 'TO ITS DOOR', 'FRESHNESS', 'HEARTBEAT', 'SYNCED', 'FROM IT', 'LAST ERROR'], rows),
    table(['PEER', 'TRUSTED KEY', 'UNTIL', 'AUTHORITY'], trust),
    ...away,
  ].join('\n\n');
}
