// What `npm run bench:mesh` takes: every option with its meaning, its default and what it may be. Reads and refuses; does nothing.

import { type Command, InvalidArgumentError, Option } from 'commander';
import { aboveZero, npmCommand, outputOption, readCommandLine, wholeNumber } from '../command-line.ts';
import { type ChurnRates, parseRates, ratesText, USUAL_RATES } from './churn-rates.ts';
import { MEASURES, type Measure, type RunOptions } from './run.ts';
import { FULL, type MeshSize, SHORT, unplayable } from './size.ts';
import type { Datapath } from './stage.ts';

export type OutputFormat = 'text' | 'json';

export interface Options {
  /** One for each size of the mesh, in the order of the sizes. */
  readonly runs: readonly RunOptions[];
  readonly output: OutputFormat;
  /** Into docs/scaling.md. */
  readonly write: boolean;
  /** A folder for the figures. */
  readonly plots: string | undefined;
}

/** The reader has an id of its own, and there are 255. */
const CLUSTERS_MAX = 254;

interface Given {
  readonly short?: true;
  readonly clusters?: readonly number[];
  readonly nodes?: number;
  readonly identities?: number;
  readonly endpoints?: number;
  readonly services?: number;
  readonly backends?: number;
  readonly rates: ChurnRates;
  readonly seed: number;
  readonly churnSeconds?: number;
  readonly large: number;
  readonly agents: number;
  readonly costRounds?: number;
  readonly only?: readonly Measure[];
  readonly datapath: Datapath;
  readonly output: OutputFormat;
  readonly write?: true;
  readonly plots?: string;
}

const USUAL_SECONDS = { full: 30, short: 5 };
/** Half a minute each. */
const USUAL_COST_ROUNDS = { full: 4, short: 1 };

function command(): Command {
  const both = (name: keyof MeshSize) => `(default: ${FULL[name]}, with --short ${SHORT[name]})`;
  return npmCommand('bench:mesh', 'measure what a mesh of many clusters costs one of them; the others are played')
    .option('--short', 'few and small clusters, and a short churn')
    .option(
      '--clusters <numbers>',
      `how many are played; several sizes (10,25,50) give curves ${both('clusters')}`,
      sizes,
    )
    .option('--nodes <number>', `nodes of each cluster ${both('nodes')}`, aboveZero)
    .option('--identities <number>', `identities of each cluster ${both('identities')}`, aboveZero)
    .option('--endpoints <number>', `endpoints of each cluster ${both('endpoints')}`, aboveZero)
    .option('--services <number>', `global services, with a part in each cluster ${both('services')}`, aboveZero)
    .option(
      '--backends <number>',
      `backends of each part; each is an endpoint of its own ${both('backends')}`,
      aboveZero,
    )
    .addOption(
      new Option('--rates <kind=number,…>', 'changes a second of each kind of record, of all clusters together')
        .default(USUAL_RATES, ratesText(USUAL_RATES))
        .argParser(churnRates),
    )
    .option('--seed <number>', 'of what changes; the same seed gives the same changes of each kind', wholeNumber, 1)
    .option(
      '--churn-seconds <number>',
      `how long they change (default: ${USUAL_SECONDS.full}, with --short ${USUAL_SECONDS.short})`,
      aboveZero,
    )
    .option(
      '--cost-rounds <number>',
      `how often idle and changing windows are compared for the CPU of one change (default: ${USUAL_COST_ROUNDS.full}, with --short ${USUAL_COST_ROUNDS.short})`,
      aboveZero,
    )
    .option('--large <number>', 'backends of the one large service', aboveZero, 5_000)
    .option('--agents <number>', 'agents that subscribe to one API server', aboveZero, 100)
    .option('--only <measures>', `some of ${MEASURES.join(',')}; bootstrap is always taken (default: all)`, measures)
    .addOption(
      new Option('--datapath <kind>', "where the agent's maps are; ebpf is the kernel, and needs root")
        .choices(['memory', 'ebpf'])
        .default('memory'),
    )
    .addOption(outputOption())
    .option('--plots <folder>', 'put the figures there, as SVG')
    .option('--write', 'put report and figures into docs/scaling.md and docs/scaling/')
    .addHelpText(
      'after',
      '\nProgress goes to standard error, the report to standard output. Needs etcd; removes all that it made, also when it is interrupted.' +
        '\nWhat the measures mean: docs/scaling.md. With LOOP_PROBE_PROFILE in the environment each program leaves a CPU profile.' +
        '\nExit codes: 0 within the bounds, 1 not, 2 wrong usage, 3 it could not be measured, 130 interrupted.',
    );
}

/** A number is the exit code: help was shown, or the usage was wrong and has been said. */
export function readOptions(args: readonly string[]): Options | number {
  return readCommandLine(command(), args, (parsed) => optionsOf(parsed.opts<Given>(), parsed));
}

function optionsOf(given: Given, parser: Command): Options {
  const base = given.short ? SHORT : FULL;
  const { clusters = [base.clusters], churnSeconds, rates, seed, only = MEASURES } = given;
  const seconds = churnSeconds ?? (given.short ? USUAL_SECONDS.short : USUAL_SECONDS.full);
  const usual = given.short ? USUAL_COST_ROUNDS.short : USUAL_COST_ROUNDS.full;
  const { costRounds = usual } = given;
  const runs = [...clusters]
    .sort((a, b) => a - b)
    .map((count): RunOptions => {
      const size: MeshSize = {
        clusters: count,
        nodes: given.nodes ?? base.nodes,
        identities: given.identities ?? base.identities,
        endpoints: given.endpoints ?? base.endpoints,
        services: given.services ?? base.services,
        backends: given.backends ?? base.backends,
      };
      const { large: largeBackends, agents, datapath } = given;
      const reason = unplayable(size, largeBackends);
      if (reason !== undefined) parser.error(`error: ${reason}`);
      const churn = { rates, seconds, seed };
      return { size, datapath, measures: new Set(only), churn, largeBackends, agents, costRounds };
    });
  return { runs, output: given.output, write: given.write ?? false, plots: given.plots };
}

function sizes(text: string): readonly number[] {
  const values = text.split(',').map(aboveZero);
  if (values.some((value) => value > CLUSTERS_MAX)) {
    throw new InvalidArgumentError(`at most ${CLUSTERS_MAX} clusters can be played`);
  }
  if (new Set(values).size < values.length) throw new InvalidArgumentError('a size is named twice');
  return values;
}

function churnRates(text: string): ChurnRates {
  const rates = parseRates(text, USUAL_RATES);
  if (typeof rates === 'string') throw new InvalidArgumentError(rates);
  return rates;
}

function measures(text: string): readonly Measure[] {
  return text.split(',').map((name) => {
    const measure = MEASURES.find((known) => known === name);
    if (measure === undefined) throw new InvalidArgumentError(`${name || 'nothing'} is none of ${MEASURES.join(', ')}`);
    return measure;
  });
}
