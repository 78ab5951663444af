// Where an agent of the benchmark programs the kernel: a cgroup that no process is in, and a BPF file system of its own. Nothing else on
// the machine is touched, and both are gone in the end. Needs root.

import { join } from 'node:path';
import { mountBpffs, unmountBpffs } from '../../lab/bpffs.ts';
import { cgroup2Mount, createCgroup, removeCgroup } from '../../lab/cgroup.ts';

export class KernelPlace {
  readonly cgroup = join(cgroup2Mount() ?? '/sys/fs/cgroup', `bench-mesh-${process.pid}`);
  readonly #bpffs: string;

  constructor(dir: string) {
    this.#bpffs = join(dir, 'bpffs');
  }

  get pinDir(): string {
    return join(this.#bpffs, 'agent');
  }

  async make(): Promise<void> {
    await mountBpffs(this.#bpffs);
    createCgroup(this.cgroup);
  }

  /** Absent is fine. */
  async remove(): Promise<void> {
    await removeCgroup(this.cgroup);
    await unmountBpffs(this.#bpffs);
  }
}
