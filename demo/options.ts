// The demo's command line.

import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';

export interface DemoOptions {
  readonly once: boolean;
  readonly output: 'text' | 'json';
  readonly datapath: 'ebpf' | 'memory';
  /** Requests per second. */
  readonly rate: number;
  /** A folder into which every log is copied before it is removed with the rest. */
  readonly logs?: string;
}

const RATE_DEFAULT = 100;
/** One client process makes no more new connections than about this, beside all else on two cores. */
const RATE_MAX = 1000;

const HELP = `
Steps: a mesh of three clusters; a global service; a backend added; a backend removed; affinity;
a cluster whose pod CIDR overlaps another's; a restart of an API server. Each under traffic.

Needs root and a kernel with eBPF and cgroup v2; --datapath memory needs neither, and forwards no packet.
Everything that is made is removed at the end, and what a crashed run left at the next start.

Exit codes: 0 every step showed what it should, 1 one did not, 2 wrong usage, 3 something is missing,
130 interrupted before the last step.`;

/** The options, or the exit code when there is nothing more to do. */
export function readOptions(argv: readonly string[]): DemoOptions | number {
  const command = new Command('npm run demo --')
    .description('A mesh of three clusters on this machine, with real traffic, and what a cluster mesh has to stand.')
    .option('--once', 'end by itself after the last step', false)
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text'))
    .addOption(
      new Option('--datapath <kind>', 'ebpf: real packets, as root; memory: maps in memory, no packet is forwarded')
        .choices(['ebpf', 'memory'])
        .default('ebpf'),
    )
    .option('--rate <requests>', 'requests per second of the client on west', parseRate, RATE_DEFAULT)
    .option('--logs <folder>', 'copy the logs of all processes there at the end')
    .addHelpText('after', HELP)
    .showHelpAfterError('(add --help for what this command takes)')
    .allowExcessArguments(false)
    .exitOverride();
  try {
    command.parse(argv, { from: 'user' });
    return command.opts<DemoOptions>();
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    throw error;
  }
}

function parseRate(text: string): number {
  const rate = Number(text);
  if (!Number.isInteger(rate) || rate < 1 || rate > RATE_MAX) {
    throw new InvalidArgumentError(`a whole number from 1 to ${RATE_MAX} is wanted.`);
  }
  return rate;
}
