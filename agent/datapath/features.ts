// What the kernel has of all that the programs and the agent are made of, asked piece by piece: where loading fails, the missing
// piece has a name. Nothing is kept, and nothing is attached. A process without capabilities gets no answer that means anything.

import { closeSync } from 'node:fs';
import { ERRNO } from './failure.ts';
import type { Libbpf } from './libbpf.ts';
import { HOOKS } from './others.ts';

export type FeatureKind = 'program-type' | 'hook' | 'map-type' | 'helper' | 'command';

export interface Feature {
  readonly kind: FeatureKind;
  /** As in the kernel's sources. */
  readonly name: string;
  /** The first kernel that has it. */
  readonly since: string;
  readonly available: boolean;
  /** What is done without it; absent where nothing works without. */
  readonly without?: string;
}

type Named = Omit<Feature, 'kind' | 'available'> & { readonly number: number };

/** enum bpf_prog_type. */
const CGROUP_SOCK = 9;
const CGROUP_SOCK_ADDR = 18;
/** enum bpf_attach_type. Others' programs at this hook bear on nothing of ours, unlike those at HOOKS. */
const SOCK_RELEASE = 34;
/** enum bpf_func_id. */
const SET_RETVAL = 187;

/** enum bpf_map_type. A test compares these, and the helpers, with what the programs say. */
export const MAP_TYPES: readonly Named[] = [
  { name: 'HASH', number: 1, since: '3.19' },
  { name: 'ARRAY', number: 2, since: '3.19' },
  { name: 'PERCPU_HASH', number: 5, since: '4.6' },
  { name: 'PERCPU_ARRAY', number: 6, since: '4.6' },
  { name: 'LRU_HASH', number: 9, since: '4.10' },
  { name: 'LPM_TRIE', number: 11, since: '4.11' },
  { name: 'RINGBUF', number: 27, since: '5.8' },
];

export const HELPERS: readonly Named[] = [
  { name: 'map_lookup_elem', number: 1, since: '3.19' },
  { name: 'map_update_elem', number: 2, since: '3.19' },
  { name: 'map_delete_elem', number: 3, since: '3.19' },
  { name: 'ktime_get_ns', number: 5, since: '4.1' },
  { name: 'get_prandom_u32', number: 7, since: '4.1' },
  { name: 'get_current_pid_tgid', number: 14, since: '5.7' },
  { name: 'get_current_comm', number: 16, since: '5.7' },
  { name: 'get_socket_cookie', number: 46, since: '4.17' },
  { name: 'get_current_cgroup_id', number: 80, since: '5.7' },
  { name: 'spin_lock', number: 93, since: '5.1' },
  { name: 'spin_unlock', number: 94, since: '5.1' },
  { name: 'get_netns_cookie', number: 122, since: '5.7' },
  { name: 'ringbuf_reserve', number: 131, since: '5.8' },
  { name: 'ringbuf_submit', number: 132, since: '5.8' },
  { name: 'set_retval', number: SET_RETVAL, since: '6.1', without: 'a call that is refused fails with EPERM instead' },
];

const HOOK_SINCE: Readonly<Record<keyof typeof HOOKS, string>> = {
  connect4: '4.17',
  connect6: '4.17',
  sendmsg4: '4.18',
  sendmsg6: '4.18',
  recvmsg4: '5.2',
  recvmsg6: '5.2',
  getpeername4: '5.8',
  getpeername6: '5.8',
};

export function probeFeatures(calls: Libbpf): readonly Feature[] {
  const known = (type: number) => calls.probeProgramType(type, null) === 1;
  return [
    { kind: 'program-type', name: 'CGROUP_SOCK_ADDR', since: '4.17', available: known(CGROUP_SOCK_ADDR) },
    { kind: 'program-type', name: 'CGROUP_SOCK', since: '4.10', available: known(CGROUP_SOCK) },
    ...Object.entries(HOOKS).map(([name, type]) => ({
      kind: 'hook' as const,
      name,
      since: HOOK_SINCE[name as keyof typeof HOOKS],
      available: takes(calls, PROCEED, type) === 'yes',
    })),
    {
      kind: 'hook',
      name: 'sock_release',
      since: '5.9',
      available: takes(calls, PROCEED, SOCK_RELEASE, CGROUP_SOCK) === 'yes',
    },
    ...MAP_TYPES.map(({ number, ...named }) => ({
      kind: 'map-type' as const,
      ...named,
      available: calls.probeMapType(number, null) === 1,
    })),
    ...HELPERS.map(({ number, ...named }) => ({
      kind: 'helper' as const,
      ...named,
      available: mayCall(calls, number),
    })),
    ...commandsOf(calls),
  ];
}

/** Each is asked for with descriptors that are none: a kernel that knows the command says EBADF, another one EINVAL. */
function commandsOf(calls: Libbpf): readonly Feature[] {
  const none = new Uint8Array(8);
  const known = (status: number) => status === -ERRNO.EBADF;
  const batch = known(calls.updateBatch(-1, none, none, Uint32Array.of(1), null));
  const link = known(calls.createLink(-1, -1, HOOKS.connect4, null));
  return [
    { kind: 'command', name: 'MAP_UPDATE_BATCH', since: '5.6', available: batch },
    { kind: 'command', name: 'LINK_CREATE', since: '5.7', available: link },
  ];
}

/** Whether programs may choose the errno of a call that they reject. */
export const canSetRetval = (calls: Libbpf): boolean => mayCall(calls, SET_RETVAL);

/**
 * Calls the helper with arguments that fit few. A verifier that knows it, and lets this type of program call it, objects to the
 * arguments, if to anything: EACCES. One that does not says EINVAL. (libbpf's own probe takes a helper that is kept from this
 * process for one that is there.)
 */
const mayCall = (calls: Libbpf, helper: number): boolean =>
  takes(calls, Uint8Array.of(0x85, 0, 0, 0, ...hostOrder(helper), ...PROCEED), HOOKS.connect4) !== 'no';

const hostOrder = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);

/** `r0 = 1; exit`. */
const PROCEED = Uint8Array.of(0xb7, 0, 0, 0, 1, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);
const INSTRUCTION_BYTES = 8;

/** `objects`: it is understood, and still refused. */
function takes(
  calls: Libbpf,
  code: Uint8Array,
  attachType: number,
  programType: number = CGROUP_SOCK_ADDR,
): 'yes' | 'objects' | 'no' {
  // struct bpf_prog_load_opts: its size in 8 bytes, attempts, expected_attach_type.
  const options = Uint32Array.of(16, 0, 0, attachType);
  const fd = calls.loadProgram(programType, 'cm_probe', 'GPL', code, code.length / INSTRUCTION_BYTES, options);
  if (fd < 0) return fd === -ERRNO.EACCES ? 'objects' : 'no';
  closeSync(fd);
  return 'yes';
}
