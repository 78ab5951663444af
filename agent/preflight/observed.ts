// What the checks look at, as one value: read once from the host, judged without touching it again.

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
  readonly kernelBtf: boolean;
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
