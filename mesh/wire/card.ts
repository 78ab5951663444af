// STABLE: `clustermesh/v1/cards/<cluster>`, JSON ClusterCard: everything that a cluster declares about itself and that Cilium's
// schema has no place for. Reading is lenient: a wrong field, or a wrong entry of a list, is reported with its place and read
// as absent, so that one mistake does not hide the rest. Unknown fields are kept.

import type { ClusterCard } from '../model/cluster.ts';
import type { ClusterName } from '../model/names.ts';
import { err, ok, type Result } from '../model/result.ts';
import { decodeObject, isObject, type JsonObject } from './json.ts';
import { encodeShaped, flag, list, object, omitEmpty, optional, text, whole } from './json-shape.ts';
import { misfit, PORT_MAX, type RecordProblem, UINT32_MAX } from './record.ts';
import { parseTime } from './time.ts';

export const CARDS_PREFIX = 'clustermesh/v1/cards/';
export const CARD_BYTES_MAX = 64 * 1024;

export const cardKey = (cluster: ClusterName): string => `${CARDS_PREFIX}${cluster}`;

/** The cluster publishes how it exports its services (service-spec.ts), and its door answers for that. */
export const SERVICE_SPECS = 'service-specs';

export const publishesSpecs = (card: Pick<ClusterCard, 'capabilities'> | undefined): boolean =>
  card?.capabilities.includes(SERVICE_SPECS) === true;

/** The cluster publishes its services in pieces too (service-pieces.ts), and its door answers for them. */
export const SERVICE_PIECES = 'service-pieces';

export const publishesPieces = (card: Pick<ClusterCard, 'capabilities'> | undefined): boolean =>
  card?.capabilities.includes(SERVICE_PIECES) === true;

/** How what `trust.bundle` says is called where capabilities are compared; the list on the card does not have it. */
export const TRUST_BUNDLE = 'trust-bundle';

/** The cluster announces its authorities as a bundle (trust-bundle.ts), and its door answers for that. */
export const announcesBundle = (card: Pick<ClusterCard, 'trust'>): boolean => card.trust.bundle === true;

/** Everything that the card offers, by name. */
export const offeredBy = (card: Pick<ClusterCard, 'capabilities' | 'trust'>): readonly string[] => [
  ...card.capabilities,
  ...(announcesBundle(card) ? [TRUST_BUNDLE] : []),
];

/** STABLE: the own card as it was admitted last, which is not always as it is; a peer's is the one under its `cardKey`. Not visible to peers. */
export const admittedCardKey = (own: ClusterName): string => `clustermesh/v1/admitted/${own}`;

const SHAPE = object({
  schema: optional(text),
  name: optional(text),
  id: optional(whole(UINT32_MAX)),
  uid: optional(text),
  joinedAt: optional(text),
  podCIDRs: optional(list(text)),
  serviceCIDRs: optional(list(text)),
  nodeCIDRs: optional(list(text)),
  maxConnectedClusters: optional(whole(UINT32_MAX)),
  datapath: optional(
    object({
      mode: optional(text),
      tunnelProtocol: optional(text),
      tunnelPort: optional(whole(PORT_MAX)),
      encryption: optional(text),
    }),
  ),
  versions: optional(object({ software: optional(text), protocol: optional(whole(UINT32_MAX)) })),
  capabilities: optional(list(text)),
  trust: optional(object({ spkiPins: optional(list(text)), bundle: omitEmpty(flag) })),
  time: optional(text),
});

export const encodeCard = (card: ClusterCard): Uint8Array => encodeShaped(card, SHAPE);

export interface ReadCard {
  readonly card: ClusterCard;
  readonly problems: readonly RecordProblem[];
}

/** Fails only where there is no card to speak of: no JSON object, too large, no name or no id. */
export function decodeCard(bytes: Uint8Array): Result<ReadCard, string> {
  const read = decodeObject(bytes, CARD_BYTES_MAX);
  if (!read.ok) return read;
  const { name, id } = read.value;
  if (typeof name !== 'string') return err('name is missing or not a text');
  if (typeof id !== 'number' || !Number.isInteger(id)) return err('id is missing or not a whole number');

  const top = new FieldReader(read.value, '');
  const datapath = top.object('datapath');
  const versions = top.object('versions');
  const trust = top.object('trust');
  if (read.value.schema !== 'clustermesh/v1') top.problems.push(misfit('schema', 'is not clustermesh/v1'));
  const card: ClusterCard = {
    ...read.value,
    schema: 'clustermesh/v1',
    name,
    id,
    uid: top.text('uid') ?? '',
    joinedAt: top.time('joinedAt') ?? null,
    podCIDRs: top.texts('podCIDRs'),
    serviceCIDRs: top.texts('serviceCIDRs'),
    nodeCIDRs: top.texts('nodeCIDRs'),
    maxConnectedClusters: top.oneOf('maxConnectedClusters', [255, 511]) ?? 255,
    datapath: {
      ...datapath.unread(['mode', 'tunnelProtocol', 'tunnelPort', 'encryption']),
      mode: datapath.oneOf('mode', ['native', 'tunnel']) ?? 'native',
      ...present('tunnelProtocol', datapath.text('tunnelProtocol')),
      ...present('tunnelPort', datapath.whole('tunnelPort', PORT_MAX)),
      encryption: datapath.oneOf('encryption', ['none', 'wireguard', 'ipsec']) ?? 'none',
    },
    versions: {
      ...versions.unread(['software', 'protocol']),
      software: versions.text('software') ?? '',
      protocol: versions.whole('protocol', UINT32_MAX) ?? 0,
    },
    capabilities: top.texts('capabilities'),
    trust: {
      ...trust.unread(['spkiPins', 'bundle']),
      spkiPins: trust.texts('spkiPins'),
      ...present('bundle', trust.oneOf('bundle', [true, false])),
    },
    time: top.time('time') ?? '',
  };
  return ok({ card, problems: [top, datapath, versions, trust].flatMap((reader) => reader.problems) });
}

const present = <N extends string, T>(name: N, value: T | undefined): { readonly [K in N]?: T } =>
  value === undefined ? {} : ({ [name]: value } as { readonly [K in N]: T });

/** What a problem quotes of a wrong value. */
const QUOTED_LENGTH_MAX = 80;

/** Reads the fields of one object; what is absent or null is undefined, and what is wrong is a problem and undefined. */
class FieldReader {
  readonly problems: RecordProblem[] = [];
  readonly #fields: JsonObject;
  readonly #path: string;

  constructor(fields: JsonObject, path: string) {
    this.#fields = fields;
    this.#path = path;
  }

  text(name: string): string | undefined {
    return this.#read(name, 'is not a text', (value) => (typeof value === 'string' ? value : undefined));
  }

  time(name: string): string | undefined {
    return this.#read(name, 'is not an RFC 3339 time', (value) =>
      typeof value === 'string' && parseTime(value).ok ? value : undefined,
    );
  }

  whole(name: string, max: number): number | undefined {
    return this.#read(name, `is not a whole number from 0 to ${max}`, (value) =>
      typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max ? value : undefined,
    );
  }

  oneOf<const T>(name: string, choices: readonly T[]): T | undefined {
    return this.#read(name, `is none of ${choices.join(', ')}`, (value) => choices.find((choice) => choice === value));
  }

  texts(name: string): readonly string[] {
    const entries = this.#read(name, 'is not a list', (value) => (Array.isArray(value) ? value : undefined)) ?? [];
    return entries.filter((entry: unknown, index): entry is string => {
      if (typeof entry !== 'string') this.#report(`${name}[${index}]`, 'is not a text', entry);
      return typeof entry === 'string';
    });
  }

  object(name: string): FieldReader {
    const fields = this.#read(name, 'is not an object', (value) => (isObject(value) ? value : undefined));
    return new FieldReader(fields ?? {}, `${this.#path}${name}.`);
  }

  /** The fields that nobody here knows. */
  unread(known: readonly string[]): JsonObject {
    return Object.fromEntries(Object.entries(this.#fields).filter(([name]) => !known.includes(name)));
  }

  #read<T>(name: string, problem: string, parse: (value: unknown) => T | undefined): T | undefined {
    const value = Object.hasOwn(this.#fields, name) ? this.#fields[name] : undefined;
    if (value === undefined || value === null) return undefined;
    const parsed = parse(value);
    if (parsed === undefined) this.#report(name, problem, value);
    return parsed;
  }

  #report(name: string, problem: string, value: unknown): void {
    const quoted = JSON.stringify(value).slice(0, QUOTED_LENGTH_MAX);
    this.problems.push(misfit(`${this.#path}${name}`, `${problem}: ${quoted}`));
  }
}
