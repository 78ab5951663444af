// What the checks look at, as one value: read once from the host, judged without touching it again.

import type { OtherProgram } from '../datapath/index.ts';

export interface PreflightObserved {
  readonly platform: string;
  readonly littleEndian: boolean;
  /** `uname -r`. */
  readonly kernelRelease: string;
  /** Bits of the capabilities that are in effect; undefined where /proc does not say. */
  readonly capabilities: bigint | undefined;
  /** Soft RLIMIT_MEMLOCK in bytes, Infinity for unlimited; undefined where /proc does not say. */
  readonly memlockBytes: number | undefined;
  readonly libbpf: Attempt;
  /** Undefined where no folder was named. */
  readonly pinDir: ObservedFolder | undefined;
  readonly cgroup: ObservedFolder | undefined;
  /** Where the named cgroup is in the tree of the whole node; undefined where none was named, or it is not there. */
  readonly cgroupIsRoot: boolean | undefined;
  /** net.core.bpf_jit_enable; undefined where the kernel has no such setting: it then compiles always. */
  readonly jitEnabled: boolean | undefined;
  /** The mode that is in force; undefined where the kernel does not say. */
  readonly lockdown: string | undefined;
  /** At our hooks, on the cgroup and above; a reason where they could not be asked for; undefined where no cgroup was named. */
  readonly others: readonly OtherProgram[] | { readonly unknown: string } | undefined;
  readonly kernelBtf: boolean;
  /** Whether the kernel closes sockets for this process. */
  readonly closeSockets: Attempt;
  /** This process sees all processes of the node. */
  readonly nodePids: boolean;
  /** Loading the programs, attached to nothing; undefined where it could not be tried. */
  readonly load: Attempt | undefined;
}

export interface ObservedFolder {
  readonly path: string;
  readonly exists: boolean;
  /** statfs(2) type of it, or of its nearest folder that exists. */
  readonly fileSystem: number;
}

export type Attempt = { readonly ok: true } | { readonly ok: false; readonly reason: string; readonly hint?: string };
