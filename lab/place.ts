// Where a process of the lab runs: the host, or a network namespace and a cgroup of its own. `nsenter` rather than `ip netns
// exec`, because the latter mounts a new /sys that hides cgroups and bpffs.

export interface Place {
  /** Name below /run/netns. */
  readonly netns?: string;
  /** A cgroup v2 folder. The process is in it before it is the command: no packet of it leaves from outside. */
  readonly cgroup?: string;
}

export const HOST: Place = {};

export interface CommandLine {
  readonly command: string;
  readonly args: readonly string[];
}

export const netnsPath = (name: string): string => `/run/netns/${name}`;

/** Every step replaces the process instead of starting another, so that the pid is the command's. */
export function commandAt({ netns, cgroup }: Place, line: CommandLine): CommandLine {
  const inNetns: CommandLine =
    netns === undefined
      ? line
      : { command: 'nsenter', args: [`--net=${netnsPath(netns)}`, '--', line.command, ...line.args] };
  if (cgroup === undefined) return inNetns;
  const join = 'echo $$ > "$0/cgroup.procs" && exec "$@"';
  return { command: 'sh', args: ['-c', join, cgroup, inNetns.command, ...inNetns.args] };
}
