// What this machine lacks for the demo: each with what it is and how to get it. Whether the kernel takes the programs is the
// agent's own check, the one behind `clustermesh preflight`.

import { join } from 'node:path';
import { isObstacle, runPreflight } from '../agent/preflight/index.ts';
import { cgroup2Mount } from '../lab/cgroup.ts';
import { isInstalled } from '../lab/installed.ts';
import { packageRoot } from '../runtime/package-root.ts';
import type { DemoOptions } from './options.ts';

export interface MissingRequirement {
  readonly what: string;
  readonly how: string;
}

const COMMANDS: readonly { readonly command: string; readonly debian: string }[] = [
  { command: 'ip', debian: 'iproute2' },
  { command: 'nsenter', debian: 'util-linux' },
  { command: 'mount', debian: 'mount' },
];

export function missingRequirements(datapath: DemoOptions['datapath']): readonly MissingRequirement[] {
  const missing: MissingRequirement[] = [];
  if (!isInstalled('etcd')) missing.push(notInstalled('etcd', 'etcd-server'));
  if (datapath === 'memory') return missing;
  for (const { command, debian } of COMMANDS) if (!isInstalled(command)) missing.push(notInstalled(command, debian));
  if (process.getuid?.() !== 0) {
    missing.push({
      what: 'root: network namespaces, cgroups and eBPF programs are made by root only',
      how: 'run it as root (sudo npm run demo)',
    });
    return missing;
  }
  const cgroup = cgroup2Mount();
  if (cgroup === undefined) {
    missing.push({
      what: 'cgroup v2: no cgroup2 file system is mounted',
      how: 'mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified',
    });
    return missing;
  }
  return [...missing, ...kernelRequirements(cgroup)];
}

const notInstalled = (command: string, debian: string): MissingRequirement => ({
  what: `the command ${command}`,
  how: `apt-get install ${debian}`,
});

/** What the agent's own check finds missing: it loads the programs, and attaches them to nothing. */
function kernelRequirements(cgroup: string): readonly MissingRequirement[] {
  const objectPath = join(packageRoot(), 'dist/bpf/sock_lb.bpf.o');
  return runPreflight({ objectPath, cgroup })
    .filter(isObstacle)
    .map(({ title, reason = '', remedy = 'see clustermesh preflight' }) => ({
      what: `${title}: ${reason}`,
      how: remedy,
    }));
}
