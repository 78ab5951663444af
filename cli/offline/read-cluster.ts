// Reads what a folder holds of one cluster, and hands its records over as they are read. Like at a peer's door nothing is
// refused here: what cannot be read becomes a problem of the cluster, and so a finding.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type ConfigFact,
  clockOffset,
  type Declarations,
  type FieldProblem,
  type FreshnessFact,
  type Reading,
  readCard,
  readConfig,
} from '../../mesh/conflict/facts.ts';
import { CARD_LIMITS, freshnessAt, PLAIN_LIMITS } from '../../mesh/conflict/freshness.ts';
import type { ClusterCard } from '../../mesh/model/cluster.ts';
import { type ClusterName, parseClusterName } from '../../mesh/model/names.ts';
import { CLUSTER_CONFIG_PREFIX } from '../../mesh/wire/cluster-config.ts';
import { VALUE_BYTES_MAX } from '../../mesh/wire/record.ts';
import { parseTime } from '../../mesh/wire/time.ts';
import { reasonOf } from '../../runtime/errors.ts';
import { type Line, readLines } from './lines.ts';
import { parseStateLine } from './state-line.ts';

export interface OfflineCluster {
  readonly declarations: Declarations;
  /** Certificates as they stand in the files; undefined where a file is absent. */
  readonly ca: string | undefined;
  readonly chain: string | undefined;
}

/** A value of the largest size, with every byte of it escaped (`\u0000`), fits on a line. */
const LINE_BYTES_MAX = 6 * VALUE_BYTES_MAX + 64 * 1024;
/** Lines that are told one by one; of a file that is no state at all, this many say enough. */
const BAD_LINES_MAX = 1_000;

export async function readCluster(
  folder: string,
  name: ClusterName,
  now: number,
  put: (key: string, bytes: Uint8Array) => void,
): Promise<OfflineCluster> {
  const problems: FieldProblem[] = [];
  const parsedName = parseClusterName(name);
  if (!parsedName.ok) problems.push(problem(name, 'name', `is no cluster name: ${parsedName.error}`));
  const read = async (file: string) => {
    try {
      return await readFile(join(folder, file));
    } catch (error) {
      if (!isAbsent(error)) problems.push(problem(file, '', `cannot be read: ${reasonOf(error)}`));
      return undefined;
    }
  };
  const cardBytes = await read('card.json');
  const card = cardBytes === undefined ? undefined : readCard(cardBytes);
  const config = await readState(folder, name, put, problems);
  const offset = clockOffset(card?.value, now);
  const declarations: Declarations = {
    ...(card === undefined ? {} : { card }),
    ...(config === undefined ? {} : { config }),
    ...admittedOf(await read('admitted.json'), problems),
    ...heartbeatOf(await read('heartbeat'), { now, plain: card === undefined }, problems),
    ...(offset === undefined ? {} : { clockOffsetMs: offset }),
    problems,
  };
  const [ca, chain] = [await read('ca.pem'), await read('chain.pem')];
  return { declarations, ca: ca?.toString('utf8'), chain: chain?.toString('utf8') };
}

/** Hands over the records, and returns the cluster's config, which stands among them. */
async function readState(
  folder: string,
  name: ClusterName,
  put: (key: string, bytes: Uint8Array) => void,
  problems: FieldProblem[],
): Promise<Reading<ConfigFact> | undefined> {
  const configs = new Map<string, Uint8Array>();
  let bad = 0;
  const take = ({ number, text }: Line) => {
    const line = text === undefined ? undefined : parseStateLine(text);
    if (line?.ok !== true) {
      bad += 1;
      const reason = line === undefined ? `is longer than ${LINE_BYTES_MAX} bytes` : line.error;
      if (bad <= BAD_LINES_MAX) problems.push(problem('state.jsonl', `line ${number}`, reason));
    } else if (line.value.key.startsWith(CLUSTER_CONFIG_PREFIX)) {
      configs.set(line.value.key.slice(CLUSTER_CONFIG_PREFIX.length), line.value.bytes);
    } else put(line.value.key, line.value.bytes);
  };
  try {
    for await (const lines of readLines(join(folder, 'state.jsonl'), LINE_BYTES_MAX)) lines.forEach(take);
  } catch (error) {
    if (!isAbsent(error)) problems.push(problem('state.jsonl', '', `cannot be read: ${reasonOf(error)}`));
  }
  if (bad > BAD_LINES_MAX) {
    problems.push(problem('state.jsonl', 'lines', `${bad - BAD_LINES_MAX} more lines hold no record`));
  }
  return configOf(name, configs);
}

/** An etcd may also hold the configs of peers: the one under the cluster's own name counts, or the first where there is none. */
function configOf(name: ClusterName, configs: ReadonlyMap<string, Uint8Array>): Reading<ConfigFact> | undefined {
  const own = configs.get(name);
  if (own !== undefined) return readConfig(name, own);
  const [first] = [...configs].sort(([a], [b]) => (a < b ? -1 : 1));
  return first === undefined ? undefined : readConfig(first[0], first[1]);
}

function admittedOf(bytes: Buffer | undefined, problems: FieldProblem[]): { readonly admitted?: ClusterCard } {
  if (bytes === undefined) return {};
  const reading = readCard(bytes);
  for (const { field, reason } of reading.problems) problems.push(problem('admitted.json', field, reason));
  return reading.value === undefined ? {} : { admitted: reading.value };
}

function heartbeatOf(
  bytes: Buffer | undefined,
  { now, plain }: { readonly now: number; readonly plain: boolean },
  problems: FieldProblem[],
): { readonly freshness?: FreshnessFact } {
  if (bytes === undefined) return {};
  const at = parseTime(bytes.toString('utf8').trim());
  if (!at.ok) {
    problems.push(problem('heartbeat', '', at.error));
    return {};
  }
  const state = freshnessAt(now - at.value, plain ? PLAIN_LIMITS : CARD_LIMITS);
  return { freshness: { state, lastHeartbeatAt: at.value } };
}

const problem = (key: string, field: string, reason: string): FieldProblem => ({
  severity: 'error',
  key,
  field,
  value: '',
  reason,
});

const isAbsent = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT';
