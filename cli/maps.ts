// `clustermesh maps dump`: what a node's kernel holds, with names instead of bytes, as the node's agent reads it.

import { Command } from 'commander';
import { type MapsDocument, renderMaps } from '../agent/maps/describe.ts';
import { getJson } from './api-client.ts';
import { agentOption, type OutputFormat, outputOption, print } from './options.ts';

export function mapsCommand(): Command {
  return new Command('maps').description("look into a node's service maps").addCommand(
    new Command('dump')
      .description('print services, backends and reverse entries; exit 1 when the rows do not fit together')
      .addOption(agentOption())
      .addOption(outputOption())
      .action(async ({ agent, output }: { agent: string; output: OutputFormat }) => {
        const maps = (await getJson(agent, '/v1/maps')) as MapsDocument;
        print(output, maps, renderMaps);
        if (maps.problems.length > 0) process.exitCode = 1;
      }),
  );
}
