// `clustermesh pki`: makes a cluster's certificates, and binds the authority of a peer to that peer's name. Both commands may be
// repeated: they change what no longer serves, and say what and why.

import { isIP } from 'node:net';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type ClusterName, isDnsSubdomain, parseClusterId, parseClusterName } from '../mesh/model/names.ts';
import { isRenewed } from '../pki/renew/presence.ts';
import { systemClock } from '../runtime/clock.ts';
import { OperationalError } from '../runtime/errors.ts';
import { givenAuthority, readCredential } from './given-authority.ts';
import { HOUR_MS, leafLifeOption, renewalAdvice } from './leaf-life.ts';
import { type OutputFormat, outputOption, print } from './options.ts';

export function pkiCommand(): Command {
  const pki = new Command('pki').description("make a cluster's certificates, and trust the authority of a peer");
  for (const command of [initCommand(), trustCommand()]) pki.addCommand(command.exitOverride());
  return pki;
}

interface InitOptions {
  readonly cluster: ClusterName;
  readonly id?: number;
  readonly ca?: string;
  readonly caKey?: string;
  readonly caPassphraseFile?: string;
  readonly leafLife?: number;
  readonly dryRun?: true;
  readonly dir: string;
  readonly node: readonly string[];
  readonly etcdAddress: readonly string[];
  readonly doorAddress: readonly string[];
  readonly rpcAddress: readonly string[];
  readonly httpAddress: readonly string[];
  readonly output: OutputFormat;
}

function initCommand(): Command {
  return new Command('init')
    .description("make a cluster's authority and certificates, or renew those that no longer serve")
    .addOption(clusterOption('--cluster <name>', 'the cluster'))
    .requiredOption('--dir <folder>', 'where they stand')
    .addOption(new Option('--id <number>', "the cluster's id, kept beside its name").argParser(parseId))
    .option('--ca <file>', 'take this root or intermediate, with the chain up to its root; PEM or PKCS#12')
    .option('--ca-key <file>', 'its private key, PEM, where the first file does not hold it')
    .option('--ca-passphrase-file <file>', 'what opens the key or the PKCS#12 container')
    .addOption(leafLifeOption())
    .option('--dry-run', 'print what would be written, and write nothing')
    .addOption(listOption('--node <name>', 'a node whose agent gets a certificate; may be repeated', parseNode))
    .addOption(
      listOption('--etcd-address <address>', 'how the API server reaches etcd, besides loopback', parseAddress),
    )
    .addOption(listOption('--door-address <address>', 'how clients that check addresses reach the door', parseAddress))
    .addOption(
      listOption('--rpc-address <address>', 'how clients that check addresses reach the rpc port', parseAddress),
    )
    .addOption(
      listOption('--http-address <address>', 'how readers of the HTTP API reach it, besides loopback', parseAddress),
    )
    .addOption(outputOption())
    .addHelpText(
      'after',
      '\nPeers, agents and commands expect the names that every door, rpc and http certificate carries, whatever the address.' +
        "\nThe authority's key, DIR/ca/key.pem, is needed here only: keep it away from the servers, and back it up.",
    )
    .action(async (options: InitOptions) => {
      const { initCluster, planCluster } = await import('../pki/init.ts');
      const {
        cluster,
        dir,
        id,
        node,
        etcdAddress,
        doorAddress,
        rpcAddress,
        httpAddress,
        leafLife,
        dryRun = false,
      } = options;
      const given = await givenAuthority({ ...options, cluster });
      const { layout, leafLifeMs, written } = await (dryRun ? planCluster : initCluster)({
        dir,
        cluster,
        ...(id === undefined ? {} : { id }),
        ...(given === undefined ? {} : { given }),
        nodes: node,
        addresses: { etcd: etcdAddress, door: doorAddress, rpc: rpcAddress, http: httpAddress },
        now: systemClock.now(),
        ...(leafLife === undefined ? {} : { leafLifeMs: leafLife }),
      });
      const renewed = await isRenewed(dir);
      const document = {
        cluster,
        dir,
        authority: layout.authority.cert,
        dryRun,
        written,
        leaf_life_hours: leafLifeMs / HOUR_MS,
        renewer: renewed ?? null,
      };
      print(options.output, document, () =>
        [
          ...(written.length === 0 ? [`${cluster}: everything is in order`] : []),
          ...(dryRun && written.length > 0 ? ['would be written:'] : []),
          ...written,
          ...(renewed === true ? [] : ['', renewalAdvice(dir, leafLifeMs)]),
        ].join('\n'),
      );
    });
}

interface TrustOptions {
  readonly dir: string;
  readonly peer: ClusterName;
  readonly ca: string;
  readonly output: OutputFormat;
}

function trustCommand(): Command {
  return new Command('trust')
    .description('bind the authority of a peer to its name: it vouches for that peer and for no other')
    .requiredOption('--dir <folder>', "where this cluster's certificates stand")
    .addOption(clusterOption('--peer <name>', 'the cluster that is trusted'))
    .requiredOption('--ca <file>', "the certificate of the peer's authority, PEM; of both while it is being replaced")
    .addOption(outputOption())
    .addHelpText('after', '\nCompare the fingerprint with what the administrator of the peer sees.')
    .action(async ({ dir, peer, ca, output }: TrustOptions) => {
      const { trustPeer } = await import('../pki/init.ts');
      const { clusterLayout } = await import('../pki/layout.ts');
      const { parsePeerAuthority } = await import('../pki/peer-authority.ts');
      const pem = (await readCredential(ca)).toString();
      const parsed = parsePeerAuthority(pem);
      if (!parsed.ok) {
        throw new OperationalError({
          code: 'PKI_NOT_AN_AUTHORITY',
          operation: 'trust',
          subject: ca,
          reason: parsed.error,
          hint: `ask the administrator of ${peer} for its ca.pem`,
        });
      }
      const path = await trustPeer(clusterLayout(dir), peer, pem);
      print(output, { peer, path, authorities: parsed.value }, ({ authorities }) =>
        authorities
          .map(
            ({ subject, fingerprint, validTo }) => `${path}: ${subject}\n  SHA-256 ${fingerprint}\n  until ${validTo}`,
          )
          .join('\n'),
      );
    });
}

const clusterOption = (flags: string, description: string): Option =>
  new Option(flags, description).makeOptionMandatory().argParser((text): ClusterName => {
    const name = parseClusterName(text);
    if (!name.ok) throw new InvalidArgumentError(name.error);
    return name.value;
  });

/** An option that may be repeated. */
const listOption = (flags: string, description: string, parse: (text: string) => string): Option =>
  new Option(flags, description).default([], 'none').argParser((text, all: readonly string[]) => [...all, parse(text)]);

/** The widest range of ids that a mesh may have; the API server narrows it by its setting. */
const CLUSTERS_MAX = 511;

function parseId(text: string): number {
  const id = parseClusterId(Number(text), CLUSTERS_MAX);
  if (!id.ok) throw new InvalidArgumentError(id.error);
  return id.value;
}

function parseNode(text: string): string {
  if (!isDnsSubdomain(text)) throw new InvalidArgumentError('the name of a node is a DNS name in lower case.');
  return text;
}

function parseAddress(text: string): string {
  if (isIP(text) === 0 && !isDnsSubdomain(text))
    throw new InvalidArgumentError('neither an IP address nor a DNS name.');
  return text;
}
