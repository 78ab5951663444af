// A node's maps as a person or a script reads them: services with their backends by name instead of rows of bytes, and what
// does not fit together. Made from a dump, so that it shows what is in the kernel and not what the agent believes.

import { compareAddresses, familyOf } from '../../mesh/model/address.ts';
import { counted } from '../../mesh/model/counted.ts';
import type { ClusterId, ClusterName } from '../../mesh/model/names.ts';
import { type Destination, type Frontend, type FrontendName, frontendName, placeName } from '../desired/names.ts';
import type { MapImage, ObservedFrontend } from '../reconcile/image.ts';
import type { AffinityEntry } from './describe-affinity.ts';
import { forEachMap, MAP_NAMES, type MapName, type ProgramMapUse } from './port.ts';

/** The answer of `/v1/maps`. Fields are only added. */
export interface MapsDocument {
  readonly schema_version: 1;
  readonly datapath: 'ebpf' | 'memory';
  readonly maps: Readonly<Record<MapName, { readonly entries: number; readonly size: number }>>;
  /** Those that the programs write: sockets, affinities, counters. */
  readonly program_maps: readonly ProgramMapUse[];
  readonly services: readonly ServiceEntry[];
  readonly backends: readonly BackendEntry[];
  readonly reverse_nat: readonly { readonly id: number; readonly address: string }[];
  /** Clients with a session affinity, as the programs remember them. */
  readonly affinities: readonly AffinityEntry[];
  /** What does not fit together; empty in health. Rows that wait for their removal are no problem. */
  readonly problems: readonly string[];
}

export interface ServiceEntry {
  /** `172.20.0.10:80/TCP`, `[fd00::a]:80/TCP`. */
  readonly frontend: string;
  readonly id: number;
  /** `namespace/name`; null where the agent knows no service with this frontend (any more). */
  readonly service: string | null;
  /** How many of the backends new connections get; with 0 they are rejected. */
  readonly count: number;
  /** Seconds for which a client stays with its backend; 0 without session affinity. */
  readonly affinity_timeout: number;
  readonly backends: readonly SlotEntry[];
}

export interface SlotEntry {
  readonly slot: number;
  readonly id: number;
  /** `10.1.0.7:8080/TCP`; null where the slot leads nowhere. */
  readonly address: string | null;
  readonly state: string | null;
  readonly cluster: string | null;
  /** `new`: gets new connections; `old`: keeps those it has; `leftover`: waits for its removal. */
  readonly use: 'new' | 'old' | 'leftover';
}

export interface BackendEntry {
  readonly id: number;
  readonly address: string;
  readonly state: string;
  readonly cluster: string;
  /** Slots that lead to it; none while it waits for its removal. */
  readonly slots: number;
}

/** What gives rows their names: a snapshot, or nothing. */
export interface MapNames {
  readonly clusters: ReadonlyMap<ClusterName, ClusterId>;
  readonly serviceOf: (frontend: FrontendName) => string | undefined;
}

export interface DescribeInput {
  readonly image: MapImage;
  readonly datapath: 'ebpf' | 'memory';
  readonly sizes: Readonly<Record<MapName, number>>;
  readonly names: MapNames;
  readonly affinities: readonly AffinityEntry[];
  readonly programMaps: readonly ProgramMapUse[];
}

export function describeMaps({ image, datapath, sizes, names, affinities, programMaps }: DescribeInput): MapsDocument {
  const clusters = new Map([...names.clusters].map(([name, id]) => [id, name]));
  const clusterOf = ({ clusterId }: Destination) => clusters.get(clusterId) ?? `#${clusterId}`;
  const problems: string[] = [];
  const services = [...image.frontends()].sort(byFrontend).flatMap((observed) => {
    problems.push(...problemsOf(observed, image));
    return observed.master === undefined
      ? []
      : [serviceEntry(observed, observed.master, image, clusterOf, names.serviceOf(observed.frontend.name) ?? null)];
  });
  for (const { map, key } of image.strays()) problems.push(`${map}: the row with the key ${hex(key)} cannot be read`);
  const slots = slotsByBackend(image);
  return {
    schema_version: 1,
    datapath,
    maps: forEachMap((map) => ({ entries: image.rows(map), size: sizes[map] })),
    program_maps: programMaps,
    services,
    backends: [...image.backends()]
      .sort(([a], [b]) => a - b)
      .map(([id, { target, state }]) => {
        return { id, address: frontendName(target), state, cluster: clusterOf(target), slots: slots.get(id) ?? 0 };
      }),
    reverse_nat: [...image.reverses()]
      .sort(([a], [b]) => a - b)
      .map(([id, place]) => ({ id, address: placeName(place) })),
    affinities,
    problems,
  };
}

function serviceEntry(
  { frontend, slots }: ObservedFrontend,
  master: NonNullable<ObservedFrontend['master']>,
  image: MapImage,
  clusterOf: (target: Destination) => string,
  service: string | null,
): ServiceEntry {
  const { count, draining, affinityTimeout, serviceId } = master;
  const backends = [...slots]
    .sort(([a], [b]) => a - b)
    .map(([slot, { backendId }]): SlotEntry => {
      const backend = image.backend(backendId);
      return {
        slot,
        id: backendId,
        address: backend === undefined ? null : frontendName(backend.target),
        state: backend?.state ?? null,
        cluster: backend === undefined ? null : clusterOf(backend.target),
        use: slot <= count ? 'new' : slot <= count + draining ? 'old' : 'leftover',
      };
    });
  return { frontend: frontend.name, id: serviceId, service, count, affinity_timeout: affinityTimeout, backends };
}

/** What a program in the kernel, or a tool, would stumble over. */
function problemsOf({ frontend, master, slots }: ObservedFrontend, image: MapImage): readonly string[] {
  if (master === undefined) return [];
  const problems: string[] = [];
  for (let slot = 1; slot <= master.count; slot += 1) {
    const record = slots.get(slot);
    const backend = record === undefined ? undefined : image.backend(record.backendId);
    if (record === undefined) problems.push(`${frontend.name}: slot ${slot} of ${master.count} is missing`);
    else if (backend === undefined) {
      problems.push(`${frontend.name}: slot ${slot} leads to backend ${record.backendId}, which is missing`);
    } else if (!fits(backend.target, frontend)) {
      problems.push(`${frontend.name}: slot ${slot} leads to ${frontendName(backend.target)}`);
    }
  }
  const place = image.reverse(master.serviceId);
  if (place === undefined) problems.push(`${frontend.name}: its id ${master.serviceId} has no reverse entry`);
  else if (place.address !== frontend.address || place.port !== frontend.port) {
    problems.push(`${frontend.name}: its id ${master.serviceId} stands for ${placeName(place)}`);
  }
  return problems;
}

const fits = (target: Destination, frontend: Frontend): boolean =>
  target.protocol === frontend.protocol && familyOf(target.address) === familyOf(frontend.address);

function slotsByBackend(image: MapImage): ReadonlyMap<number, number> {
  const count = new Map<number, number>();
  for (const { slots } of image.frontends()) {
    for (const { backendId } of slots.values()) count.set(backendId, (count.get(backendId) ?? 0) + 1);
  }
  return count;
}

/** One line per slot, as columns; what `clustermesh maps dump` prints. */
export function renderMaps(document: MapsDocument): string {
  const { maps, program_maps, datapath, services, backends, affinities, problems } = document;
  const kept = services.some(({ affinity_timeout }) => affinity_timeout > 0);
  const rows = services.flatMap((service) => {
    const affinity = service.affinity_timeout === 0 ? '-' : `${service.affinity_timeout} s`;
    const head = [service.frontend, String(service.id), service.service ?? '-', ...(kept ? [affinity] : [])];
    if (service.backends.length === 0) return [[...head, '-', 'none: connections are rejected', '-', '-', '-']];
    return service.backends.map((slot, index) => [
      ...(index === 0 ? head : head.map(() => '')),
      String(slot.slot),
      slot.address ?? 'missing',
      String(slot.id),
      slot.use === 'leftover' ? 'leftover' : (slot.state ?? '-'),
      slot.cluster ?? '-',
    ]);
  });
  const header = [
    'FRONTEND',
    'ID',
    'SERVICE',
    ...(kept ? ['AFFINITY'] : []),
    'SLOT',
    'BACKEND',
    'ID',
    'STATE',
    'CLUSTER',
  ];
  const inUse = MAP_NAMES.filter((map) => maps[map].entries > 0 || !map.endsWith('6'));
  const use = [...inUse.map((map) => ({ map, ...maps[map] })), ...program_maps.filter(({ entries }) => entries > 0)]
    .map(({ map, entries, size }) => `${map} ${entries} of ${size}`)
    .join(', ');
  const idle = backends.filter(({ slots }) => slots === 0).length;
  const parts = [
    columns([header, ...rows]),
    `${datapath === 'memory' ? 'maps in memory, no packet is forwarded: ' : ''}${use}${idle === 0 ? '' : `; ${counted(idle, 'backend waits', 'backends wait')} for ${idle === 1 ? 'its' : 'their'} removal`}`,
  ];
  if (affinities.length > 0) parts.push(columns([AFFINITY_HEADER, ...affinities.map(affinityRow)]));
  if (problems.length > 0) parts.push(['problems:', ...problems.map((problem) => `  ${problem}`)].join('\n'));
  return parts.join('\n\n');
}

const AFFINITY_HEADER = ['CLIENT', 'KEPT BY', 'BACKEND', 'FOLLOWED'];

const affinityRow = ({ client, frontend, backend, followed }: AffinityEntry): readonly string[] => [
  `netns ${client}`,
  frontend ?? 'a service that is gone',
  backend ?? 'one that is gone',
  followed ? 'yes' : 'no',
];

function columns(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  }
  const line = (row: readonly string[]) => row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ');
  return rows.map((row) => line(row).trimEnd()).join('\n');
}

function byFrontend({ frontend: a }: ObservedFrontend, { frontend: b }: ObservedFrontend): number {
  return compareAddresses(a.address, b.address) || a.port - b.port || (a.protocol < b.protocol ? -1 : 1);
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
