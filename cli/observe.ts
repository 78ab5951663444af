// `clustermesh observe`: who on a node reached which backend in which cluster, and which call was refused and why, as the kernel
// saw it. The programs tell it while this command follows; the counters are always there.

import { Command, InvalidArgumentError } from 'commander';
import type {
  MissedDocument,
  RecentTrafficDocument,
  TrafficCountersDocument,
  TrafficEventDocument,
} from '../agent/traffic/document.ts';
import { OperationalError } from '../runtime/errors.ts';
import { getDocument } from './api-client.ts';
import { streamEvents } from './event-stream.ts';
import { agentOption, type OutputFormat, outputOption, print } from './options.ts';
import { table } from './table.ts';

interface ObserveOptions {
  readonly agent: string;
  readonly output: OutputFormat;
  readonly follow?: true;
  readonly counters?: true;
  readonly service?: string;
  readonly cluster?: string;
  readonly refused?: true;
  readonly last?: number;
}

const LAST_DEFAULT = 20;
/** What an agent keeps. */
const LAST_MAX = 1_000;

export function observeCommand(): Command {
  return new Command('observe')
    .description("show a node's calls to services: who reached which backend in which cluster, and what was refused")
    .option('-f, --follow', 'show what happens from now on, until interrupted')
    .option('--service <namespace/name>', 'only calls to this service')
    .option('--cluster <name>', 'only calls that reached this cluster')
    .option('--refused', 'only calls that were refused')
    .option('--last <count>', `so many of the last ones first (default: ${LAST_DEFAULT}, with --follow 0)`, count)
    .option('--counters', 'how many calls each service had, since the maps were made')
    .addOption(agentOption())
    .addOption(outputOption())
    .action(async (options: ObserveOptions) => {
      if (options.counters === true) await showCounters(options);
      else await showEvents(options);
    });
}

async function showCounters({ agent, output, service, refused }: ObserveOptions): Promise<void> {
  const all = await getDocument<TrafficCountersDocument>({ server: agent }, '/v1/traffic/counters', 'services');
  const services = all.services.filter(
    (each) => (service === undefined || each.service === service) && (refused === undefined || refusalsOf(each) > 0),
  );
  print(output, { ...all, services }, renderCounters);
}

async function showEvents(options: ObserveOptions): Promise<void> {
  const { agent, output, follow, last = follow === true ? 0 : LAST_DEFAULT } = options;
  const query = `?${filterQuery(options)}`;
  const write = (event: TrafficEventDocument): void => {
    process.stdout.write(`${output === 'json' ? JSON.stringify(event) : renderEvent(event)}\n`);
  };
  if (last > 0) {
    const recent = await getDocument<RecentTrafficDocument>({ server: agent }, `/v1/traffic${query}`, 'events');
    for (const event of recent.events.slice(-last)) write(event);
    if (follow !== true && !recent.listening) {
      say('nothing is told of calls now: add --follow, or set datapath.observe.always for the agent');
    }
  }
  if (follow === true) await followEvents(agent, query, write);
}

async function followEvents(agent: string, query: string, write: (event: TrafficEventDocument) => void): Promise<void> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  while (!stop.signal.aborted) {
    let askAgain = false;
    for await (const { event, value } of streamEvents({ server: agent }, `/v1/traffic/events${query}`, stop.signal)) {
      if (event === 'traffic') write(value as TrafficEventDocument);
      else if (event === 'missed') say(renderMissed(value as MissedDocument));
      askAgain = event === 'end';
      if (askAgain) break;
    }
    if (!askAgain && !stop.signal.aborted) throw ended(agent);
  }
}

/** An agent that is killed ends the stream in the middle; this is one that was stopped. */
const ended = (agent: string): OperationalError =>
  new OperationalError({
    code: 'API_UNREACHABLE',
    operation: 'observe',
    subject: agent,
    reason: 'the agent stopped',
    hint: 'what is programmed goes on being forwarded; observe again when the agent is back',
  });

function filterQuery({ service, cluster, refused }: ObserveOptions): string {
  const query = new URLSearchParams();
  if (service !== undefined) query.set('service', service);
  if (cluster !== undefined) query.set('cluster', cluster);
  if (refused === true) query.set('refused', 'true');
  return query.toString();
}

/** One line: a stream has no widths to wait for. */
export function renderEvent(event: TrafficEventDocument): string {
  const { time, node, client, protocol, service, frontend, backend, refused } = event;
  const dialled = service === null ? frontend : `${service} (${frontend})`;
  const outcome = backend === undefined ? `REFUSED ${CAUSES[refused ?? 'no-slot']}` : `-> ${renderBackend(backend)}`;
  return `${time}  ${node}  ${client.command}[${client.pid}]  ${protocol}  ${dialled}  ${outcome}`;
}

function renderBackend({ address, cluster, pod, node }: NonNullable<TrafficEventDocument['backend']>): string {
  const parts = [...(pod === undefined ? [] : [pod]), ...(node === undefined ? [] : [`on ${node}`])];
  return `${address} in ${cluster}${parts.length === 0 ? '' : ` (${parts.join(' ')})`}`;
}

const CAUSES: Readonly<Record<NonNullable<TrafficEventDocument['refused']>, string>> = {
  'no-backends': 'no backend takes new connections',
  'no-slot': 'a backend is missing in the maps (see clustermesh maps check)',
  'no-memory': 'no room to remember the socket',
};

export function renderMissed({ limited, lost, unreadable }: MissedDocument): string {
  const parts = [
    ...(limited === 0 ? [] : [`${limited} over the limit of a second (datapath.observe.perSecond)`]),
    ...(lost === 0 ? [] : [`${lost} lost, because the agent did not read them in time`]),
    ...(unreadable === 0 ? [] : [`${unreadable} unreadable`]),
  ];
  return `not shown: ${parts.join(', ')}`;
}

export function renderCounters({ services }: TrafficCountersDocument): string {
  return table(
    ['SERVICE', 'FRONTEND', 'REACHED A BACKEND', 'REFUSED', 'NO BACKENDS', 'NO SLOT', 'NO MEMORY'],
    services.map((each) => [
      each.service ?? '-',
      each.frontend,
      each.translated,
      refusalsOf(each),
      each.refused['no-backends'],
      each.refused['no-slot'],
      each.refused['no-memory'],
    ]),
  );
}

const refusalsOf = ({ refused }: TrafficCountersDocument['services'][number]): number =>
  Object.values(refused).reduce((total, each) => total + each, 0);

const say = (text: string): void => void process.stderr.write(`clustermesh: ${text}\n`);

function count(text: string): number {
  const number = /^\d{1,4}$/.test(text) ? Number(text) : LAST_MAX + 1;
  if (number <= LAST_MAX) return number;
  throw new InvalidArgumentError(`a number up to ${LAST_MAX}: an agent keeps no more`);
}
