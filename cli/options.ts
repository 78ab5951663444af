// Options that several subcommands share, so that they read and behave the same everywhere.

import { Argument, InvalidArgumentError, Option } from 'commander';
import { type ClusterName, parseClusterName } from '../mesh/model/names.ts';

export type OutputFormat = 'table' | 'json';

export const outputOption = (): Option =>
  new Option('-o, --output <format>', 'how to print').choices(['table', 'json']).default('table');

export const serverOption = (): Option =>
  new Option('-s, --server <address>', 'the API server to ask: http://host:port, https://host:port or unix:/path')
    .env('CLUSTERMESH_SERVER')
    .default('http://127.0.0.1:9880');

export const pkiOption = (): Option =>
  new Option(
    '--pki <folder>',
    'what to show at https://, and whom to trust there: a folder of pki init, or its ca/ca.pem and admin/',
  ).env('CLUSTERMESH_PKI');

export const agentOption = (): Option =>
  new Option('-a, --agent <address>', 'the agent to ask: http://host:port or unix:/path')
    .env('CLUSTERMESH_AGENT')
    .default('http://127.0.0.1:9881');

export const peerArgument = (): Argument => new Argument('<peer>', 'the peer').argParser(clusterName);

export function clusterName(text: string): ClusterName {
  const name = parseClusterName(text);
  if (!name.ok) throw new InvalidArgumentError(name.error);
  return name.value;
}

/** One document, or the table made of it, on standard output. */
export function print<T>(format: OutputFormat, document: T, render: (document: T) => string): void {
  process.stdout.write(`${format === 'json' ? JSON.stringify(document, undefined, 2) : render(document)}\n`);
}
