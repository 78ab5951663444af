// docker-compose.yml: that it asks for no more rights than it needs, and that every file it names is there and is one that the
// programs take. What it needs of an engine is in docs/operations.md.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { agentConfigSchema } from '../../agent/config.ts';
import { apiServerConfigSchema } from '../../apiserver/config.ts';
import { parsePeerSpec } from '../../apiserver/peers/peer-spec.ts';
import { readManifest } from '../../apiserver/sources/manifests/manifest.ts';
import { etcdClientDnsName } from '../../mesh/model/certificate-names.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import { clusterLayout } from '../../pki/layout.ts';
import { type ComposeService, inCheckout, mountsOf, readCompose, root } from './compose.ts';

const CLUSTERS = ['west', 'central', 'east'];
const compose = readCompose();
const services = Object.entries(compose.services);
const running = (program: 'apiserver' | 'agent') =>
  services.filter(([, { command, entrypoint }]) =>
    program === 'apiserver' ? command[0] === 'apiserver' : entrypoint?.[0]?.endsWith('/node.sh') === true,
  );

/** The configuration of a program, checked as the program does. */
function configOf<S extends z.ZodType>([name, service]: [string, ComposeService], schema: S): z.infer<S> {
  const path = service.command[service.command.indexOf('--config') + 1] ?? '';
  const file = inCheckout(service, path);
  expect(file, `${name}: ${path} is mounted from the checkout`).toBeDefined();
  const parsed = schema.safeParse(parse(readFileSync(file ?? '', 'utf8')));
  expect(parsed.error === undefined ? 'fits' : z.prettifyError(parsed.error), `${name}: ${file}`).toBe('fits');
  return parsed.data as z.infer<S>;
}

describe('the rights that containers ask for', () => {
  test.each(services)('%s: no privileges, a root file system that is read-only', (_, service) => {
    expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'] });
    expect(service.privileged).toBeUndefined();
    expect(service.security_opt).toContain('no-new-privileges:true');
    expect(service).not.toMatchObject({ network_mode: 'host' });
    expect(mountsOf(service).map(({ source }) => source)).not.toContainEqual(expect.stringMatching(/^\/|docker\.sock/));
  });

  test('are three capabilities for agents, two for who writes certificates, and none for who goes on running besides', () => {
    const asked = services
      .filter(([, { cap_add }]) => cap_add.length > 0)
      .map(([name, { cap_add }]) => [name, cap_add]);
    const agents = CLUSTERS.flatMap((cluster) => [`${cluster}-1`, `${cluster}-2`]);
    const writers = ['pki', ...CLUSTERS.map((cluster) => `${cluster}-renew`)];
    expect(Object.fromEntries(asked)).toEqual({
      ...Object.fromEntries(writers.map((name) => [name, ['CHOWN', 'DAC_OVERRIDE']])),
      ...Object.fromEntries(agents.map((name) => [name, ['BPF', 'NET_ADMIN', 'PERFMON']])),
    });
    const root = services.filter(([, { user }]) => user !== undefined).map(([name]) => name);
    expect(root.sort()).toEqual([...writers, ...agents].sort());
  });

  test('are the older capability where an engine does not know the newer', () => {
    const text = readFileSync(join(root, 'deploy/docker/sysadmin.env'), 'utf8');
    const variables = Object.fromEntries(
      [...text.matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
    );
    expect(readCompose(variables).services['west-1']?.cap_add).toEqual(['SYS_ADMIN', 'NET_ADMIN', 'CAP_SYS_ADMIN']);
  });
});

describe('what belongs together', () => {
  test('each cluster has an etcd, an API server and two nodes', () => {
    expect(running('apiserver').map(([name]) => name)).toEqual(CLUSTERS.map((cluster) => `${cluster}-apiserver`));
    expect(running('agent').map(([name]) => name)).toEqual(CLUSTERS.flatMap((c) => [`${c}-1`, `${c}-2`]));
    for (const cluster of CLUSTERS) {
      const reached = services.filter(([, { networks }]) =>
        Object.keys(networkSet(networks)).includes(`${cluster}-etcd`),
      );
      expect(reached.map(([name]) => name)).toEqual([`${cluster}-etcd`, `${cluster}-apiserver`]);
      expect(compose.services[`${cluster}-etcd`]?.environment).toEqual({
        ETCD_CLIENT_CERT_ALLOWED_HOSTNAME: etcdClientDnsName(cluster as ClusterName),
      });
    }
  });

  test('no node shares its pins, and no cluster sees the keys of another', () => {
    const pins = running('agent').flatMap(([, service]) =>
      mountsOf(service).filter(({ source }) => source.endsWith('-bpf')),
    );
    expect(new Set(pins.map(({ source }) => source)).size).toBe(6);
    for (const [name, service] of services) {
      const keys = mountsOf(service).filter(({ source }) => source.endsWith('-pki'));
      if (name === 'pki') continue;
      expect(keys.map(({ source }) => source)).toEqual(keys.length === 0 ? [] : [`${name.split('-')[0]}-pki`]);
      if (name.endsWith('-renew')) continue;
      for (const volume of service.volumes.filter((volume) => volume.includes('-pki:'))) expect(volume).toMatch(/:ro$/);
    }
  });

  test('each cluster has one renewer, on no network, as it holds the key of the authority', () => {
    for (const cluster of CLUSTERS) {
      expect(compose.services[`${cluster}-renew`]).toMatchObject({
        command: ['trust', 'renew', '--watch', '--dir', '/etc/clustermesh/pki'],
        volumes: [`${cluster}-pki:/etc/clustermesh/pki`],
        network_mode: 'none',
      });
    }
  });

  test('everything that goes on running says whether it is well, and nothing reaches the outside', () => {
    const lasting = services.filter(([, { restart }]) => restart !== 'no');
    expect(lasting.filter(([, { healthcheck }]) => healthcheck === undefined)).toEqual([]);
    expect(Object.values(compose.networks).every(({ internal }) => internal === true)).toBe(true);
  });

  test('the files that images are built of are there', () => {
    const dockerfiles = services.flatMap(([, { build }]) => (build === undefined ? [] : [build.dockerfile]));
    expect(dockerfiles.sort()).toEqual(['deploy/docker/Dockerfile', 'deploy/docker/etcd.Dockerfile']);
    for (const dockerfile of dockerfiles) {
      const copied = [...readFileSync(join(root, dockerfile), 'utf8').matchAll(/deploy\/docker\/[\w.-]+\.(sh|mjs)/g)];
      for (const [file] of copied) expect([file, existsSync(join(root, file))]).toEqual([file, true]);
    }
  });
});

describe('the configurations', () => {
  test.each(running('apiserver'))('of %s', (name, service) => {
    const config = configOf([name, service], apiServerConfigSchema);
    const cluster = config.cluster.name;
    expect(`${cluster}-apiserver`).toBe(name);
    const pki = clusterLayout('/etc/clustermesh/pki');
    expect(config.etcd.tls).toEqual({ ca: [pki.authority.cert], ...pki.leaf('etcd-client') });
    expect(config.door.tls).toEqual({ ca: [pki.authority.cert], ...pki.leaf('door') });
    expect(config.rpc.tls).toEqual({ ca: [pki.authority.cert], ...pki.leaf('rpc') });
    expect(config.peers.client).toEqual(pki.leaf('peer'));

    const folder = inCheckout(service, config.peers.folder ?? '') ?? '';
    const specs = readdirSync(folder).map((file) =>
      parsePeerSpec(join(folder, file), readFileSync(join(folder, file), 'utf8')),
    );
    const peers = CLUSTERS.filter((other) => other !== cluster).sort();
    expect(specs).toEqual(
      peers.map((peer) => ({
        ok: true,
        value: expect.objectContaining({
          name: peer,
          endpoints: [`https://${peer}-apiserver:2379`],
          ca: [pki.trustStore(peer)],
        }),
      })),
    );
  });

  test.each(running('agent'))('of %s', (name, service) => {
    const config = configOf([name, service], agentConfigSchema);
    const cluster = name.split('-')[0];
    expect(config).toMatchObject({
      node: { name },
      cluster: { name: cluster },
      servers: [`${cluster}-apiserver:9878`],
    });
    const pki = clusterLayout('/etc/clustermesh/pki');
    expect(config.tls).toEqual({ ca: [pki.authority.cert], ...pki.agent(name) });
    expect(mountsOf(service)).toContainEqual({ source: `${name}-bpf`, target: '/run/clustermesh/bpf' });
    expect(config.datapath).toMatchObject({ kind: 'ebpf', pinDir: '/run/clustermesh/bpf/node' });
  });

  test.each(CLUSTERS)('of the objects of %s, whose endpoints are the pods that are started', async (cluster) => {
    const folder = join(root, 'deploy/docker/config', cluster, 'manifests');
    const texts = readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'));
    const read = await Promise.all(texts.map(async (text) => (await readManifest(text, new Map())).manifest));
    expect(read.flatMap(({ problems }) => problems)).toEqual([]);
    expect(read.flatMap(({ objects }) => objects.map(({ object }) => object.kind)).sort()).toEqual([
      'EndpointSlice',
      'Namespace',
      'Node',
      'Node',
      'Pod',
      'Pod',
      'Service',
    ]);
    const addresses = [1, 2].map((n) => addressIn(compose.services[`${cluster}-echo-${n}`]));
    for (const address of addresses) expect(texts.join('\n')).toContain(`addresses: [${address}]`);
  });
});

const networkSet = (networks: ComposeService['networks']): Readonly<Record<string, unknown>> =>
  Array.isArray(networks) ? Object.fromEntries(networks.map((name) => [name, null])) : (networks ?? {});

function addressIn(service: ComposeService | undefined): unknown {
  const { mesh } = networkSet(service?.networks);
  return typeof mesh === 'object' && mesh !== null && 'ipv4_address' in mesh ? mesh.ipv4_address : undefined;
}
