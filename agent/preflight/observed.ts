// What the checks look at, as one value: read once from the host, judged without touching it again.

import type { Feature, OtherProgram, PinProblem } from '../datapath/index.ts';

export interface PreflightObserved {
  readonly platform: string;
  readonly littleEndian: boolean;
  /** `uname -r`. */
  readonly kernelRelease: string;
  readonly libbpf: Attempt;
  readonly kernelBtf: boolean;

  /** Bits of the capabilities that are in effect; undefined where /proc does not say, as below. */
  readonly capabilities: bigint | undefined;
  /** Soft RLIMIT_MEMLOCK in bytes, Infinity for unlimited. */
  readonly memlockBytes: number | undefined;
  /** The process is in a user namespace other than the machine's. */
  readonly userNamespace: boolean | undefined;
  readonly seccompFilter: boolean | undefined;

  /** Where the kernel tells of security modules and lockdown. */
  readonly securityfs: boolean;
  /** `capability,landlock,apparmor`; undefined where the kernel does not say. */
  readonly securityModules: readonly string[] | undefined;
  /** Undefined where there is no SELinux. */
  readonly selinuxEnforces: boolean | undefined;
  /** The mode that is in force; undefined where the kernel does not say. */
  readonly lockdown: string | undefined;

  /** Undefined where no folder was named. */
  readonly pinDir: ObservedFolder | undefined;
  /** Pinned maps that an agent could not go on with; undefined where they could not be looked at. */
  readonly pins: readonly PinProblem[] | undefined;
  readonly cgroup: ObservedFolder | undefined;
  /** Where the named cgroup is in the tree of the whole node; undefined where none was named, or it is not there. */
  readonly cgroupIsRoot: boolean | undefined;

  /** Undefined without libbpf. */
  readonly features: readonly Feature[] | undefined;
  /** Loading the programs, attached to nothing; undefined where it could not be tried. */
  readonly load: Attempt | undefined;

  /** At our hooks, on the cgroup and above; a reason where they could not be asked for; undefined where no cgroup was named. */
  readonly others: readonly OtherProgram[] | { readonly unknown: string } | undefined;
  /** Maps that Cilium has pinned. */
  readonly ciliumPins: number;
  /** Names of processes that this one sees. */
  readonly processes: readonly string[];

  /** Undefined where the kernel has no such setting. */
  readonly sysctls: Readonly<Record<Sysctl, number | undefined>>;

  /** Whether the kernel closes sockets for this process. */
  readonly closeSockets: Attempt;
  /** This process sees all processes of the node. */
  readonly nodePids: boolean;
}

export type Sysctl =
  | 'net.core.bpf_jit_enable'
  | 'net.core.bpf_jit_harden'
  | 'kernel.bpf_stats_enabled'
  | 'kernel.unprivileged_bpf_disabled';

export interface ObservedFolder {
  readonly path: string;
  readonly exists: boolean;
  /** statfs(2) type of it, or of its nearest folder that exists. */
  readonly fileSystem: number;
}

export type Attempt = { readonly ok: true } | { readonly ok: false; readonly reason: string; readonly hint?: string };
