// Network namespaces by name, as `ip netns` keeps them, and what is configured inside. All names are given by the caller, who
// alone removes them.

import { existsSync } from 'node:fs';
import { runCommand } from './command.ts';
import { commandAt, netnsPath } from './place.ts';

/** With loopback up: nothing else is in it. */
export async function createNetns(name: string): Promise<void> {
  await runCommand('ip', ['netns', 'add', name]);
  await configureNetns(name, ['link set lo up']);
}

/** What runs inside keeps it alive until it ends; its interfaces go with it. Absent is fine. */
export async function deleteNetns(name: string): Promise<void> {
  if (existsSync(netnsPath(name))) await runCommand('ip', ['netns', 'delete', name]);
}

/** Commands of `ip`, without the word itself, in one go. */
export async function configureNetns(name: string, commands: readonly string[]): Promise<void> {
  await runCommand('ip', ['-netns', name, '-batch', '-'], `${commands.join('\n')}\n`);
}

export async function setSysctl(netns: string, name: string, value: string): Promise<void> {
  const path = `/proc/sys/${name.replaceAll('.', '/')}`;
  const line = commandAt({ netns }, { command: 'sh', args: ['-c', `echo "$1" > "$0"`, path, value] });
  await runCommand(line.command, line.args);
}

/** A cable between two namespaces that never shows up in the host's. */
export async function createVeth(
  one: { readonly netns: string; readonly device: string },
  other: { readonly netns: string; readonly device: string },
): Promise<void> {
  const ends = [`link add ${one.device} type veth peer name ${other.device} netns ${other.netns}`];
  await configureNetns(one.netns, [...ends, `link set ${one.device} up`]);
  await configureNetns(other.netns, [`link set ${other.device} up`]);
}
