// The maps that the programs and the agent share: names, types and sizes. The compiled object says the same; here it stands for
// what has to be known without it, such as whether a pinned map is one of ours.

import { MAP_NAMES, type MapName } from '../maps/port.ts';
import {
  AFFINITY_KEY,
  AFFINITY_VALUE,
  BACKEND_KEY,
  BACKEND_VALUE,
  CONNECTED_SOCKET,
  IPCACHE_KEY,
  IPCACHE_VALUE,
  type Layout,
  REVERSE_NAT_KEY,
  REVERSE_NAT_VALUE,
  REVERSE_SK_KEY,
  REVERSE_SK_VALUE,
  SERVICE_KEY,
  SERVICE_VALUE,
  TRAFFIC_COUNTS,
} from '../maps/structs.ts';

/** enum bpf_map_type. */
const HASH = 1;
const ARRAY = 2;
const PERCPU_HASH = 5;
export const LRU_HASH = 9;
const LPM_TRIE = 11;
/** BPF_F_NO_PREALLOC: rows are allocated when they come. */
const NO_PREALLOC = 1;
const TYPE_NAMES: Readonly<Record<number, string>> = {
  [HASH]: 'hash',
  [ARRAY]: 'array',
  [PERCPU_HASH]: 'percpu_hash',
  [LRU_HASH]: 'lru_hash',
  [LPM_TRIE]: 'lpm_trie',
};

export interface MapShape {
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly flags: number;
}

export interface MapSpec extends MapShape {
  /** In the object, of the pin, and as the kernel keeps it. */
  readonly name: string;
  /** Whose rows they are: the agent's, which programs only read, or the programs' own. */
  readonly writer: 'agent' | 'programs';
}

/** The maps of the port, and those that only programs write. */
export type ProgramMapName =
  | 'connectedSockets'
  | 'reverseSockets'
  | 'reverseSockets6'
  | 'affinity'
  | 'affinity6'
  | 'counters';
export type KernelMapName = MapName | 'ipcache' | ProgramMapName;
const PROGRAM_MAP_NAMES: readonly ProgramMapName[] = [
  'connectedSockets',
  'reverseSockets',
  'reverseSockets6',
  'affinity',
  'affinity6',
  'counters',
];
export const KERNEL_MAP_NAMES: readonly KernelMapName[] = [...MAP_NAMES, 'ipcache', ...PROGRAM_MAP_NAMES];

const forEach = <Name extends string, T>(names: readonly Name[], of: (map: Name) => T): Readonly<Record<Name, T>> =>
  Object.fromEntries(names.map((map) => [map, of(map)])) as Record<Name, T>;

/** Something for every map. */
export const forEachKernelMap = <T>(of: (map: KernelMapName) => T) => forEach(KERNEL_MAP_NAMES, of);
export const forEachProgramMap = <T>(of: (map: ProgramMapName) => T) => forEach(PROGRAM_MAP_NAMES, of);

/** The key of an array. */
const INDEX = { size: 4 };

type Sized = Pick<Layout, 'size'>;

const spec = (name: string, type: number, key: Sized, value: Sized): MapSpec => ({
  name,
  type,
  keySize: key.size,
  valueSize: value.size,
  flags: 0,
  writer: type === HASH || type === LPM_TRIE ? 'agent' : 'programs',
});

export const MAP_SPECS: Readonly<Record<KernelMapName, MapSpec>> = {
  services: spec('cm4_services', HASH, SERVICE_KEY[4], SERVICE_VALUE),
  backends: spec('cm4_backends', HASH, BACKEND_KEY, BACKEND_VALUE[4]),
  reverseNat: spec('cm4_reverse_nat', HASH, REVERSE_NAT_KEY, REVERSE_NAT_VALUE[4]),
  reverseSockets: spec('cm4_reverse_sk', LRU_HASH, REVERSE_SK_KEY[4], REVERSE_SK_VALUE[4]),
  services6: spec('cm6_services', HASH, SERVICE_KEY[6], SERVICE_VALUE),
  backends6: spec('cm6_backends', HASH, BACKEND_KEY, BACKEND_VALUE[6]),
  reverseNat6: spec('cm6_reverse_nat', HASH, REVERSE_NAT_KEY, REVERSE_NAT_VALUE[6]),
  reverseSockets6: spec('cm6_reverse_sk', LRU_HASH, REVERSE_SK_KEY[6], REVERSE_SK_VALUE[6]),
  connectedSockets: spec('cm_connected', ARRAY, INDEX, CONNECTED_SOCKET),
  affinity: spec('cm4_affinity', LRU_HASH, AFFINITY_KEY[4], AFFINITY_VALUE),
  affinity6: spec('cm6_affinity', LRU_HASH, AFFINITY_KEY[6], AFFINITY_VALUE),
  ipcache: { ...spec('cm_ipcache', LPM_TRIE, IPCACHE_KEY, IPCACHE_VALUE), flags: NO_PREALLOC },
  counters: { ...spec('cm_counters', PERCPU_HASH, REVERSE_NAT_KEY, TRAFFIC_COUNTS), flags: NO_PREALLOC },
};

export const sameShape = (a: MapShape, b: MapShape): boolean =>
  a.type === b.type && a.keySize === b.keySize && a.valueSize === b.valueSize && a.flags === b.flags;

export const formatShape = ({ type, keySize, valueSize, flags }: MapShape): string =>
  `${TYPE_NAMES[type] ?? `map type ${type}`}, key ${keySize} bytes, value ${valueSize} bytes, flags ${flags}`;

/** BPF_MAP_TYPE_PERCPU_HASH, PERCPU_ARRAY, LRU_PERCPU_HASH. */
const PER_CPU: ReadonlySet<number> = new Set([PERCPU_HASH, 6, 10]);

/** Whether a row has a value for every CPU. */
export const isPerCpu = ({ type }: MapShape): boolean => PER_CPU.has(type);

/** Of a row's value as it is read and written: every possible CPU's, each rounded up to 8 bytes. */
export const rowBytes = (shape: MapShape, cpus: number): number =>
  isPerCpu(shape) ? Math.ceil(shape.valueSize / 8) * 8 * cpus : shape.valueSize;
