// What this machine lacks for the demo: each with what it is and how to get it. Whether the kernel takes the programs is the
// agent's own check (`clustermesh preflight`), which is asked here.

import { execFile } from 'node:child_process';
import { cgroup2Mount } from '../lab/cgroup.ts';
import { isInstalled } from '../lab/installed.ts';
import { programLine } from '../lab/programs.ts';
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

export async function missingRequirements(datapath: DemoOptions['datapath']): Promise<readonly MissingRequirement[]> {
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
  if (cgroup2Mount() === undefined) {
    missing.push({
      what: 'cgroup v2: no cgroup2 file system is mounted',
      how: 'mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified',
    });
  }
  return missing.length > 0 ? missing : await kernelRequirements();
}

const notInstalled = (command: string, debian: string): MissingRequirement => ({
  what: `the command ${command}`,
  how: `apt-get install ${debian}`,
});

/** What the agent's own check finds missing. */
function kernelRequirements(): Promise<readonly MissingRequirement[]> {
  const { command, args } = programLine('cli/main', ['preflight', '--output', 'json']);
  return new Promise((resolve) => {
    execFile(command, [...args], (error, out, said) => {
      if (error === null) resolve([]);
      else
        resolve(parsePreflight(out) ?? [{ what: 'the check of the kernel failed', how: said.trim() || error.message }]);
    });
  });
}

function parsePreflight(text: string): readonly MissingRequirement[] | undefined {
  try {
    const { checks } = JSON.parse(text) as {
      checks: readonly { status: string; title: string; reason?: string; remedy?: string }[];
    };
    return checks
      .filter(({ status }) => status === 'failed')
      .map(({ title, reason, remedy }) => ({
        what: reason === undefined ? title : `${title}: ${reason}`,
        how: remedy ?? 'see clustermesh preflight',
      }));
  } catch {
    return undefined;
  }
}
