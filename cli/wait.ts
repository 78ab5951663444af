// `clustermesh wait`: for pipelines, until what was changed has arrived in the maps of every node, or a time is over.

import { setTimeout as pause } from 'node:timers/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { ServicesDocument, StatusDocument } from '../apiserver/status.ts';
import { parseServiceKey } from '../mesh/model/names.ts';
import { getDocument } from './api-client.ts';
import type { ApiPlace } from './api-request.ts';
import { type OutputFormat, outputOption, pkiOption, print, serverOption } from './options.ts';
import { age } from './table.ts';
import {
  atRevision,
  type Condition,
  converged,
  type Observation,
  serviceReady,
  withAgents,
} from './wait/conditions.ts';
import { type WaitOutcome, waitUntil } from './wait/wait-until.ts';

interface WaitOptions extends ApiPlace {
  readonly output: OutputFormat;
  readonly timeout: number;
  readonly revision?: number;
  readonly service?: string;
  readonly backends?: number;
  readonly converged?: true;
  readonly agents?: number;
}

/** More lines than this are no help while something is waited for. */
const SHOWN_MAX = 5;

export function waitCommand(): Command {
  return new Command('wait')
    .description('wait until a revision, a service or the whole mesh has arrived in the maps of every node')
    .option('--revision <number>', "until this revision of the cluster's own etcd is programmed", wholeNumber)
    .option('--service <namespace/name>', 'until this global service has its backends on every node', serviceName)
    .addOption(new Option('--backends <number>', 'with --service: how many at least').argParser(wholeNumber))
    .option('--converged', 'until all that peers and the own etcd hold at this moment is programmed')
    .option('--agents <number>', 'and until so many agents are connected', wholeNumber)
    .addOption(
      new Option('--timeout <duration>', 'how long at most: 500ms, 30s, 5m').argParser(duration).default(60_000, '60s'),
    )
    .addOption(serverOption())
    .addOption(pkiOption())
    .addOption(outputOption())
    .addHelpText(
      'after',
      '\nOne of --revision, --service and --converged. What is missing is shown on standard error while it is waited for.' +
        '\nExit codes: 0 reached, 1 not reached in time, 2 wrong usage, 3 the API server did not answer.',
    )
    .action(async (options: WaitOptions, command: Command) => {
      const condition = withAgents(conditionOf(options, command), options.agents ?? 0);
      const outcome = await waitUntil(condition, options.timeout, {
        observe: () => observe(options, condition.needsServices),
        monotonic: () => performance.now(),
        pause: async (ms) => void (await pause(ms)),
        onProgress: (missing) => process.stderr.write(progressText(missing)),
      });
      print(options.output, outcome, renderOutcome);
      if (!outcome.reached) process.exitCode = 1;
    });
}

function conditionOf({ revision, service, backends, converged: all }: WaitOptions, command: Command): Condition {
  if ([revision, service, all].filter((wanted) => wanted !== undefined).length !== 1) {
    command.error('error: one of --revision, --service and --converged is needed');
  }
  if (backends !== undefined && service === undefined) command.error('error: --backends needs --service');
  if (revision !== undefined) return atRevision(revision);
  return service === undefined ? converged() : serviceReady(service, backends ?? 1);
}

async function observe(place: ApiPlace, needsServices: boolean): Promise<Observation> {
  const services = needsServices ? await getDocument<ServicesDocument>(place, '/v1/services', 'services') : undefined;
  return { services, status: await getDocument<StatusDocument>(place, '/v1/status', 'store') };
}

function progressText(missing: readonly string[]): string {
  const more = missing.length - SHOWN_MAX;
  const shown = [...missing.slice(0, SHOWN_MAX), ...(more > 0 ? [`and ${more} more`] : [])];
  return `… ${shown.join('; ')}\n`;
}

export const renderOutcome = ({ reached, condition, waited_ms, missing }: WaitOutcome): string =>
  reached
    ? `reached after ${age(waited_ms)}: ${condition}`
    : [`not reached within ${age(waited_ms)}: ${condition}`, ...missing.map((line) => `  ${line}`)].join('\n');

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) throw new InvalidArgumentError('not a whole number');
  return value;
}

function serviceName(text: string): string {
  const key = parseServiceKey(text);
  if (!key.ok) throw new InvalidArgumentError(key.error);
  return key.value;
}

const UNITS: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
]);

export function duration(text: string): number {
  const [, value, unit = 's'] = /^(\d+)(ms|s|m|h)?$/.exec(text) ?? [];
  const ms = Number(value) * (UNITS.get(unit) ?? Number.NaN);
  if (!Number.isSafeInteger(ms)) throw new InvalidArgumentError('not a duration such as 500ms, 30s or 5m');
  return ms;
}
