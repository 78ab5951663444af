// `clustermesh apiserver` and `clustermesh agent`: load the configuration, then run the program until a signal ends it.

import { Command } from 'commander';
import type { z } from 'zod';
import { type LoadedConfig, loadConfig, printConfig } from '../runtime/config.ts';

interface ProgramOptions {
  readonly config?: string;
  readonly set: readonly string[];
  readonly printConfig?: true;
}

export function apiServerCommand(): Command {
  const withheld = 'service-specs, service-pieces, trust-bundle, address-stream';
  return programCommand('apiserver', 'run the mesh API server of one cluster', withheld).action(
    async (options: ProgramOptions) => {
      const { apiServerConfigSchema } = await import('../apiserver/config.ts');
      const { runApiServer } = await import('../apiserver/main.ts');
      await run(apiServerConfigSchema, options, runApiServer);
    },
  );
}

export function agentCommand(): Command {
  const withheld = 'address-stream, told-certificates';
  return programCommand('agent', "run the agent of one node: programs the node's eBPF service maps", withheld).action(
    async (options: ProgramOptions) => {
      const { agentConfigSchema } = await import('../agent/config.ts');
      const { runAgent } = await import('../agent/main.ts');
      await run(agentConfigSchema, options, runAgent);
    },
  );
}

/** `withheld`: what the setting of that name may have. */
function programCommand(name: string, description: string, withheld: string): Command {
  return new Command(name)
    .description(description)
    .option('-c, --config <file>', 'configuration, YAML')
    .option(
      '--set <path=value>',
      'one setting, over file and environment; may be repeated',
      (value, all: string[]) => [...all, value],
      [],
    )
    .option('--print-config', 'print what is in force and where each value comes from, and end')
    .addHelpText('after', '\nEnvironment: CLUSTERMESH_HTTP__LISTEN sets http.listen, and so on for every setting.')
    .addHelpText(
      'after',
      `To do without a capability, as an older version does: --set withhold=[NAME], of ${withheld}.`,
    );
}

async function run<S extends z.ZodType>(
  schema: S,
  options: ProgramOptions,
  program: (config: z.infer<S>, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const loaded: LoadedConfig<z.infer<S>> = await loadConfig({
    schema,
    env: programEnvironment(),
    envPrefix: 'CLUSTERMESH_',
    flags: options.set,
    ...(options.config === undefined ? {} : { file: options.config }),
  });
  if (options.printConfig === true) {
    process.stdout.write(`${printConfig(loaded)}\n`);
    return;
  }
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  await program(loaded.config, stop.signal);
}

/** Variables that the reading commands use are no settings of a program. */
function programEnvironment(): Record<string, string | undefined> {
  const { CLUSTERMESH_SERVER: _server, CLUSTERMESH_AGENT: _agent, CLUSTERMESH_PKI: _pki, ...rest } = process.env;
  return rest;
}
