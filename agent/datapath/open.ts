// Opens the datapath of a node: loads the programs around what is pinned, attaches them to the cgroup, and gives the maps. Run
// again, it takes over from the run before without a gap in forwarding, also with other sizes and layouts (carry-over.ts). A
// start that fails takes back what it made, and leaves what was there before.

import { existsSync, statfsSync, unlinkSync } from 'node:fs';
import { endianness } from 'node:os';
import { fileURLToPath } from 'node:url';
import { OperationalError } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';
import type { ServiceMaps } from '../maps/port.ts';
import type { DialledServices } from '../sockets/port.ts';
import type { Traffic } from '../traffic/port.ts';
import { carryOver } from './carry-over.ts';
import { type Feature, probeFeatures } from './features.ts';
import { CGROUP2_MAGIC } from './file-systems.ts';
import { FORMER_LAYOUTS, type FormerLayouts } from './former-layouts.ts';
import { KernelDialled } from './kernel-dialled.ts';
import { type KernelMaps, openKernelMaps } from './kernel-maps.ts';
import { KernelTraffic } from './kernel-traffic.ts';
import { type Libbpf, loadLibbpf } from './libbpf.ts';
import { type Attachment, attachPrograms } from './links.ts';
import { MAP_SPECS } from './map-specs.ts';
import { type LoadedObject, tryObject } from './object.ts';
import { findOtherPrograms, type OtherProgram } from './others.ts';
import { findPinProblems, type PinProblem } from './pin-problems.ts';
import { loadPinnedObject } from './pinned-object.ts';
import { preparePinDir, type RemovedPins, removePins } from './pins.ts';
import { type DatapathSizes, wholeSizes } from './sizes.ts';

export interface DatapathOptions {
  /** A folder on a BPF file system, made if it is not there. One per agent. */
  readonly pinDir: string;
  /** The cgroup v2 folder whose processes get the services. */
  readonly cgroup: string;
  readonly sizes: DatapathSizes;
  /** Commonly COMPILED_OBJECT. */
  readonly objectPath: string;
  /** @default those of the released versions */
  readonly formerLayouts?: FormerLayouts;
  readonly log: Log;
}

export interface Datapath extends ServiceMaps {
  readonly attachments: readonly Attachment[];
  /** What a call to a service without backends fails with; EPERM where the kernel leaves no choice. */
  readonly rejectsWith: 'EHOSTUNREACH' | 'EPERM';
  readonly traffic: Traffic;
  readonly dialled: DialledServices;
}

/** Compiled by bpf/Makefile; it stands beside the code in the sources and in dist/ alike. */
export const COMPILED_OBJECT = fileURLToPath(new URL('../../bpf/sock_lb.bpf.o', import.meta.url));

export async function openDatapath(options: DatapathOptions): Promise<Datapath> {
  const { pinDir, cgroup, log } = options;
  assertByteOrder();
  assertCgroup2(cgroup);
  preparePinDir(pinDir);
  const libbpf = loadLibbpf();
  const made: string[] = [];
  try {
    const sizes = wholeSizes(options.sizes);
    const formers = options.formerLayouts ?? FORMER_LAYOUTS;
    await carryOver({ ...options, libbpf, sizes, formers, made });
    const object = await loadPinnedObject({ ...options, libbpf, sizes, made });
    let traffic: KernelTraffic | undefined;
    try {
      traffic = new KernelTraffic(libbpf, object.telling);
      const attachments = attachPrograms({ calls: libbpf.calls, pinDir, cgroup, log, made }, object.programs);
      const maps = openKernelMaps(libbpf.calls, pinDir, 'write');
      const replaced = attachments.filter((attachment) => attachment.replaced).length;
      log.info('datapath is attached', { pinDir, cgroup, programs: attachments.length, replaced });
      return opened({ maps, traffic, object, attachments, dialled: dialledOf(libbpf.calls, object) });
    } catch (error) {
      traffic?.close();
      object.close();
      throw error;
    }
  } catch (error) {
    for (const path of made.reverse()) unlinkSync(path);
    throw error;
  }
}

interface Opened {
  readonly maps: KernelMaps;
  readonly traffic: KernelTraffic;
  readonly object: LoadedObject;
  readonly attachments: readonly Attachment[];
  readonly dialled: DialledServices;
}

const dialledOf = (calls: Libbpf, object: LoadedObject): DialledServices =>
  new KernelDialled(calls, {
    connected: object.mapFd('connectedSockets'),
    reverse: { 4: object.mapFd('reverseSockets'), 6: object.mapFd('reverseSockets6') },
  });

/** The object stays open as long as the maps: the ring of events is its own. */
function opened({ maps, traffic, object, attachments, dialled }: Opened): Datapath {
  const letGo = maps.close.bind(maps);
  let closed = false;
  const close = (): void => {
    if (closed) return;
    closed = true;
    traffic.close();
    letGo();
    object.close();
  };
  return Object.assign(maps, { attachments, rejectsWith: object.rejectsWith, traffic, dialled, close });
}

/** The maps that an agent left pinned, to look at them while it runs or not. */
export async function openPinnedMaps({
  pinDir,
}: Pick<DatapathOptions, 'pinDir'>): Promise<Pick<ServiceMaps, 'info' | 'dump' | 'addresses' | 'close'>> {
  return openKernelMaps(loadLibbpf().calls, pinDir, 'read');
}

/** Throws where the library is missing. */
export function requireLibbpf(): void {
  loadLibbpf();
}

/** Throws where the kernel does not take the programs; attaches and keeps nothing. */
export function tryPrograms(objectPath: string): void {
  tryObject(loadLibbpf(), objectPath);
}

/** What the kernel has of all that the programs and the agent are made of. */
export function kernelFeatures(): readonly Feature[] {
  const { calls, listen } = loadLibbpf();
  return listen(() => probeFeatures(calls)).result;
}

/** Pinned maps that an agent could not go on with; throws where they cannot be looked at. */
export function pinProblems(pinDir: string): readonly PinProblem[] {
  return findPinProblems(loadLibbpf().calls, pinDir);
}

/** Programs that others attached to our hooks, at this cgroup or above; throws where the kernel does not tell. */
export function otherPrograms(cgroup: string): readonly OtherProgram[] {
  return findOtherPrograms(loadLibbpf().calls, cgroup);
}

/** Ends forwarding: detaches the programs and drops the maps. Stopping an agent does not do this. */
export async function removeDatapath({ pinDir }: Pick<DatapathOptions, 'pinDir'>): Promise<RemovedPins> {
  return removePins(
    pinDir,
    Object.values(MAP_SPECS).map(({ name }) => name),
  );
}

function assertByteOrder(): void {
  if (endianness() === 'LE') return;
  throw new OperationalError({
    code: 'DATAPATH_UNSUPPORTED',
    operation: 'open datapath',
    reason: 'this machine is big endian, and the maps are written in little endian',
    hint: 'run the agent on a little-endian machine',
  });
}

function assertCgroup2(cgroup: string): void {
  if (existsSync(cgroup) && statfsSync(cgroup).type === CGROUP2_MAGIC) return;
  throw new OperationalError({
    code: 'DATAPATH_NOT_CGROUP2',
    operation: 'open datapath',
    subject: cgroup,
    reason: existsSync(cgroup) ? 'it is not a cgroup v2 folder' : 'there is no such folder',
    hint: 'set datapath.cgroup to a folder of the cgroup2 mount (see /proc/self/mountinfo)',
  });
}
