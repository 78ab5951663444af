// `clustermesh maps dump`: what a node's kernel holds, with names instead of bytes, as the node's agent reads it. `clustermesh maps
// check`: where that differs from what is desired, and why. And
// `clustermesh maps remove`: the one way to take away what an agent left pinned, since stopping an agent never does.

import { existsSync } from 'node:fs';
import { isIP } from 'node:net';
import { Command, InvalidArgumentError } from 'commander';
import type { AddressEntry, AddressesDocument, LookupDocument } from '../agent/addresses/document.ts';
import { type MapsDocument, renderMaps } from '../agent/maps/describe.ts';
import { type ExplainedDifference, type MapsCheckDocument, renderMapsCheck } from '../agent/reconcile/check.ts';
import { systemClock } from '../runtime/clock.ts';
import { getDocument } from './api-client.ts';
import { agentOption, type OutputFormat, outputOption, print } from './options.ts';
import { table } from './table.ts';

export function mapsCommand(): Command {
  return new Command('maps')
    .description("look into a node's service maps, or remove them")
    .addCommand(dumpCommand())
    .addCommand(checkCommand())
    .addCommand(addressesCommand())
    .addCommand(lookupCommand())
    .addCommand(removeCommand());
}

function dumpCommand(): Command {
  return new Command('dump')
    .description('print services, backends and reverse entries; exit 1 when the rows do not fit together')
    .addOption(agentOption())
    .addOption(outputOption())
    .action(async ({ agent, output }: { agent: string; output: OutputFormat }) => {
      const maps = await getDocument<MapsDocument>({ server: agent }, '/v1/maps', 'maps');
      print(output, maps, renderMaps);
      if (maps.problems.length > 0) process.exitCode = 1;
    });
}

function checkCommand(): Command {
  return new Command('check')
    .description(
      'compare the maps with what is desired and explain each difference; exit 1 when one is felt by connections, or is foreign',
    )
    .addOption(agentOption())
    .addOption(outputOption())
    .action(async ({ agent, output }: { agent: string; output: OutputFormat }) => {
      const check = await getDocument<MapsCheckDocument>({ server: agent }, '/v1/maps/check', 'differences');
      print(output, check, renderMapsCheck);
      const isWrong = ({ type, cause }: ExplainedDifference) => type !== 'leftover' || cause === 'foreign';
      const foreign = (check.addresses ?? []).some(({ cause }) => cause === 'foreign');
      if (!check.compared || foreign || check.differences.some(isWrong)) process.exitCode = 1;
    });
}

function addressesCommand(): Command {
  return new Command('addresses')
    .description("print whose the addresses of peers' pods are: identity, cluster, node and pod, from the ipcache")
    .addOption(agentOption())
    .addOption(outputOption())
    .action(async ({ agent, output }: { agent: string; output: OutputFormat }) => {
      print(
        output,
        await getDocument<AddressesDocument>({ server: agent }, '/v1/maps/addresses', 'map'),
        renderAddresses,
      );
    });
}

function lookupCommand(): Command {
  return new Command('lookup')
    .description("print whose an address is, as the node's ipcache has it; exit 1 when it is no peer's pod")
    .argument('<address>', 'an IPv4 or IPv6 address', ipAddress)
    .addOption(agentOption())
    .addOption(outputOption())
    .action(async (address: string, { agent, output }: { agent: string; output: OutputFormat }) => {
      const path = `/v1/maps/lookup?${new URLSearchParams({ address })}`;
      const lookup = await getDocument<LookupDocument>({ server: agent }, path, 'found');
      print(output, lookup, renderLookup);
      if (lookup.found === null) process.exitCode = 1;
    });
}

function ipAddress(text: string): string {
  if (isIP(text) === 0) throw new InvalidArgumentError('not an IP address');
  return text;
}

function renderAddresses({ addresses, map }: AddressesDocument): string {
  const rows = table(ADDRESS_HEADER, addresses.map(addressRow));
  const known = map.known ? '' : '; no list has come from an API server yet';
  return `${rows}\n\nipcache ${addresses.length} of ${map.size}${known}`;
}

const renderLookup = ({ address, found }: LookupDocument): string =>
  found === null ? `${address} is no peer's pod.` : table(ADDRESS_HEADER, [addressRow(found)]);

const ADDRESS_HEADER = ['ADDRESS', 'IDENTITY', 'CLUSTER', 'NODE', 'POD'];

const addressRow = ({ prefix, identity, cluster, node, node_address, pod }: AddressEntry) => [
  prefix ?? '-',
  identity,
  cluster,
  node === null ? (node_address ?? '-') : `${node} (${node_address})`,
  pod ?? '-',
];

function removeCommand(): Command {
  return new Command('remove')
    .description(
      'unpin the maps and programs of a node: its services stop being translated at once; exit 1 when something is left',
    )
    .requiredOption('--pin-dir <folder>', 'datapath.pinDir of the agent, which must not be running')
    .option('--yes', 'do it; without this it only says what would be removed')
    .addOption(outputOption())
    .action(async ({ pinDir, yes, output }: { pinDir: string; yes?: true; output: OutputFormat }) => {
      const { holdPins, listPins, removeDatapath } = await import('../agent/datapath/index.ts');
      if (yes !== true) {
        const found = { would_remove: listPins(pinDir) };
        print(output, found, () => [...found.would_remove, 'Nothing was removed: add --yes to do it.'].join('\n'));
        return;
      }
      if (existsSync(pinDir)) await holdPins(pinDir, systemClock, 0);
      const outcome = await removeDatapath({ pinDir });
      print(output, outcome, ({ removed, left }) =>
        [...removed.map((path) => `removed  ${path}`), ...left.map((path) => `left     ${path}`)].join('\n'),
      );
      if (outcome.left.length > 0) process.exitCode = 1;
    });
}
