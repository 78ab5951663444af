// STABLE: `clustermesh/v1/cards/<cluster>`, JSON ClusterCard: everything that a cluster declares about itself and that Cilium's
// schema has no place for. Reading is lenient: a wrong field is reported with its place and read as absent, so that one
// mistake does not hide the rest.

import type { ClusterCard, DatapathMode, Encryption } from '../model/cluster.ts';
import type { ClusterName } from '../model/names.ts';
import { err, ok, type Result } from '../model/result.ts';
import { decodeObject, encodeObject, isObject, type JsonObject } from './json.ts';
import { misfit, type RecordProblem } from './record.ts';

export const CARDS_PREFIX = 'clustermesh/v1/cards/';
export const CARD_BYTES_MAX = 64 * 1024;

export const cardKey = (cluster: ClusterName): string => `${CARDS_PREFIX}${cluster}`;

const FIELD_ORDER = [
  'schema',
  'name',
  'id',
  'uid',
  'joinedAt',
  'podCIDRs',
  'serviceCIDRs',
  'nodeCIDRs',
  'maxConnectedClusters',
  'datapath',
  'versions',
  'capabilities',
  'trust',
  'time',
];

export const encodeCard = (card: ClusterCard): Uint8Array => encodeObject(card, FIELD_ORDER);

export interface ReadCard {
  readonly card: ClusterCard;
  readonly problems: readonly RecordProblem[];
}

/** Fails only where there is no card to speak of: no JSON object, too large, no name or no id. */
export function decodeCard(bytes: Uint8Array): Result<ReadCard, string> {
  const object = decodeObject(bytes, CARD_BYTES_MAX);
  if (!object.ok) return object;
  const problems: RecordProblem[] = [];
  const read = fieldReader(object.value, problems);
  const { name, id } = object.value;
  if (typeof name !== 'string') return err('name is missing or not a text');
  if (typeof id !== 'number' || !Number.isInteger(id)) return err('id is missing or not a whole number');
  if (object.value.schema !== 'clustermesh/v1') problems.push(misfit('schema', 'is not clustermesh/v1'));
  const max = read(
    'maxConnectedClusters',
    (value) => (value === 255 || value === 511 ? value : undefined),
    255 as const,
  );
  const card: ClusterCard = {
    ...object.value,
    schema: 'clustermesh/v1',
    name,
    id,
    uid: read('uid', asText, ''),
    joinedAt: object.value.joinedAt === null ? null : read('joinedAt', asTime, null),
    podCIDRs: read('podCIDRs', asTexts, []),
    serviceCIDRs: read('serviceCIDRs', asTexts, []),
    nodeCIDRs: read('nodeCIDRs', asTexts, []),
    maxConnectedClusters: max,
    datapath: read('datapath', asDatapath, { mode: 'native', encryption: 'none' }),
    versions: read('versions', asVersions, { software: '', protocol: 0 }),
    capabilities: read('capabilities', asTexts, []),
    trust: read('trust', asTrust, { spkiPins: [] }),
    time: read('time', asTime, ''),
  };
  return ok({ card, problems });
}

type FieldReader = <T>(field: string, parse: (value: unknown) => T | undefined, otherwise: T) => T;

function fieldReader(object: JsonObject, problems: RecordProblem[]): FieldReader {
  return (field, parse, otherwise) => {
    const value = object[field];
    if (value === undefined) return otherwise;
    const parsed = parse(value);
    if (parsed === undefined) problems.push(misfit(field, `cannot be read: ${JSON.stringify(value)?.slice(0, 80)}`));
    return parsed ?? otherwise;
  };
}

const asText = (value: unknown) => (typeof value === 'string' ? value : undefined);
const asTime = (value: unknown) => (typeof value === 'string' && !Number.isNaN(Date.parse(value)) ? value : undefined);
const asTexts = (value: unknown): readonly string[] | undefined =>
  Array.isArray(value) && value.every((entry) => typeof entry === 'string') ? value : undefined;

function asDatapath(value: unknown): ClusterCard['datapath'] | undefined {
  if (!isObject(value)) return undefined;
  const { mode, encryption, tunnelProtocol, tunnelPort } = value;
  if (mode !== 'tunnel' && mode !== 'native') return undefined;
  if (encryption !== 'none' && encryption !== 'wireguard' && encryption !== 'ipsec') return undefined;
  return {
    mode: mode satisfies DatapathMode,
    encryption: encryption satisfies Encryption,
    ...(typeof tunnelProtocol === 'string' ? { tunnelProtocol } : {}),
    ...(typeof tunnelPort === 'number' ? { tunnelPort } : {}),
  };
}

function asVersions(value: unknown): ClusterCard['versions'] | undefined {
  if (!isObject(value)) return undefined;
  const { software, protocol } = value;
  return typeof software === 'string' && typeof protocol === 'number' ? { software, protocol } : undefined;
}

function asTrust(value: unknown): ClusterCard['trust'] | undefined {
  const spkiPins = isObject(value) ? asTexts(value.spkiPins) : undefined;
  return spkiPins === undefined ? undefined : { spkiPins };
}
