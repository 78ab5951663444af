// `clustermesh troubleshoot`: what stands between this cluster and the state of a peer, rung by rung. The API server looks, because
// what it can reach and whom it trusts is what counts; this prints what it saw.

import { Command } from 'commander';
import type { EndpointDocument, LadderDocument, RungDocument } from '../apiserver/peers/ladder/document.ts';
import { getDocument } from './api-client.ts';
import type { ApiPlace } from './api-request.ts';
import { type OutputFormat, outputOption, peerArgument, pkiOption, print, serverOption } from './options.ts';
import { table } from './table.ts';

export function troubleshootCommand(): Command {
  return new Command('troubleshoot')
    .description('look at the way to a peer: name, TCP, TLS, authorization, etcd, card, sync')
    .addArgument(peerArgument())
    .addOption(serverOption())
    .addOption(pkiOption())
    .addOption(outputOption())
    .addHelpText(
      'after',
      '\nEach of its endpoints is looked at. What comes after a step that failed is skipped: nothing can be said of it.' +
        '\nExit codes: 0 every step passed, 1 one failed, 2 wrong usage, 3 it is not known.',
    )
    .action(async (peer: string, { output, ...place }: ApiPlace & { output: OutputFormat }) => {
      const document = await getDocument<LadderDocument>(place, `/v1/peers/${peer}/ladder`, 'endpoints');
      print(output, document, renderLadder);
      process.exitCode = exitCodeOf(document);
    });
}

export function exitCodeOf({ endpoints }: LadderDocument): 0 | 1 | 3 {
  const states = endpoints.flatMap(({ rungs }) => rungs.map(({ state }) => state));
  if (states.includes('failed')) return 1;
  return states.length === 0 || states.includes('unknown') ? 3 : 0;
}

export const renderLadder = ({ cluster, peer, endpoints }: LadderDocument): string =>
  [
    `From ${cluster} to ${peer}:`,
    ...(endpoints.length === 0 ? [`the document of ${peer} names no endpoint`] : endpoints.map(endpointText)),
  ].join('\n\n');

function endpointText({ endpoint, rungs }: EndpointDocument): string {
  const rows = rungs.map(({ rung, state, ms, seen }) => [rung, state, ms === null ? '-' : `${ms} ms`, seen]);
  const failures = rungs.flatMap((rung) => failureText(rung) ?? []);
  return [endpoint, table(['STEP', 'STATE', 'TIME', 'SEEN'], rows), ...failures].join('\n');
}

function failureText({ rung, failure }: RungDocument): string | undefined {
  if (failure === null) return undefined;
  return [`${failure.code} at ${rung}`, `  why:  ${failure.reason}`, `  fix:  ${failure.remedy}`].join('\n');
}
