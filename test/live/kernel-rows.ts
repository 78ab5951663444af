// What a node's kernel would do with a connection, read from its pinned maps by this process: the agent is not asked. And what
// it should do, by the pods that there are, and by what the API server says.

import { openPinnedMaps } from '../../agent/datapath/index.ts';
import { parseAddressKey } from '../../agent/maps/address-row.ts';
import {
  MASTER_SLOT,
  parseBackendKey,
  parseBackendValue,
  parseReverseNatKey,
  parseReverseNatValue,
  parseServiceKey,
  parseServiceValue,
} from '../../agent/maps/layout.ts';
import type { MapRow } from '../../agent/maps/port.ts';
import type { LabApiServer } from '../../lab/api-server.ts';
import type { LabCluster } from '../../lab/cluster.ts';
import type { LabMesh } from '../../lab/mesh.ts';
import type { LabNode } from '../../lab/node.ts';
import { BACKEND_PORT, type LabBackend } from '../../lab/service.ts';

export interface KernelRows {
  /** By frontend, `172.20.1.10:80`: the backends that new connections get, sorted. */
  readonly services: Readonly<Record<string, readonly string[]>>;
  /** Rows that lead nowhere, or that nothing leads to. */
  readonly astray: readonly string[];
}

export async function kernelRows(node: LabNode): Promise<KernelRows> {
  const { kernel } = node.at;
  if (kernel === undefined) throw new Error(`${node.name} has no kernel maps`);
  const maps = await openPinnedMaps(kernel);
  try {
    // As a reader goes: whatever a master counts, its slots and their backends were there before it.
    const services = await maps.dump('services');
    return readRows({ services, backends: await maps.dump('backends'), reverse: await maps.dump('reverseNat') });
  } finally {
    maps.close();
  }
}

/** The addresses of peers' pods that a node's kernel can name, as prefixes, sorted. */
export async function namedAddresses(node: LabNode): Promise<readonly string[]> {
  const { kernel } = node.at;
  if (kernel === undefined) throw new Error(`${node.name} has no kernel maps`);
  const maps = await openPinnedMaps(kernel);
  try {
    const prefixes: string[] = [];
    for await (const rows of maps.addresses.chunks()) {
      for (const { key } of rows) prefixes.push(parseAddressKey(key)?.text ?? 'a row that cannot be read');
    }
    return prefixes.sort();
  } finally {
    maps.close();
  }
}

interface Dump {
  readonly services: readonly MapRow[];
  readonly backends: readonly MapRow[];
  readonly reverse: readonly MapRow[];
}

function readRows(dump: Dump): KernelRows {
  const backends = new Map(dump.backends.map(({ key, value }) => [parseBackendKey(key), parseBackendValue(value)]));
  const places = new Map(dump.reverse.map(({ key, value }) => [parseReverseNatKey(key), parseReverseNatValue(value)]));
  const rows = new Map(
    dump.services.map(({ key, value }) => {
      const at = parseServiceKey(key);
      if (at === undefined) throw new Error(`a service row with the key ${Buffer.from(key).toString('hex')}`);
      return [`${at.address}:${at.port} ${at.slot}`, { at, row: parseServiceValue(value) }];
    }),
  );
  const used = new Set<number | undefined>();
  const known = new Set<string>();
  const ids = new Set<number>();
  const astray: string[] = [];
  const services: Record<string, readonly string[]> = {};
  for (const { at, row } of rows.values()) {
    if (at.slot !== MASTER_SLOT || row === undefined) continue;
    const frontend = `${at.address}:${at.port}`;
    known.add(`${frontend} ${MASTER_SLOT}`);
    ids.add(row.revNatId);
    const place = places.get(row.revNatId);
    if (place?.address !== at.address || place.port !== at.port) astray.push(`${frontend} has no way back`);
    const selected: string[] = [];
    for (let slot = 1; slot <= row.count; slot += 1) {
      known.add(`${frontend} ${slot}`);
      const id = rows.get(`${frontend} ${slot}`)?.row?.backendId;
      const backend = backends.get(id);
      used.add(id);
      if (backend === undefined) astray.push(`slot ${slot} of ${frontend} leads nowhere`);
      else selected.push(`${backend.address}:${backend.port}`);
    }
    // Those behind only keep the connections that they have.
    for (let slot = row.count + 1; slot <= row.count + row.qcount; slot += 1) {
      known.add(`${frontend} ${slot}`);
      used.add(rows.get(`${frontend} ${slot}`)?.row?.backendId);
    }
    services[frontend] = selected.sort();
  }
  for (const name of rows.keys()) if (!known.has(name)) astray.push(`slot ${name} is left over`);
  for (const id of backends.keys()) if (!used.has(id)) astray.push(`backend ${id} is left over`);
  for (const id of places.keys()) if (id !== undefined && !ids.has(id)) astray.push(`reverse row ${id} is left over`);
  return { services, astray };
}

/**
 * What the pods of all clusters amount to on the nodes of one: every service of the cluster leads to the pods of all clusters'
 * services of that name. For services without affinity.
 */
export function desiredRows(mesh: LabMesh, { serviceList }: LabCluster, leaving?: LabBackend): KernelRows {
  const everywhere = [...mesh.clusters.values()].flatMap((cluster) => cluster.serviceList);
  const entries = serviceList.map(({ key, spec }) => {
    const pods = everywhere
      .filter((service) => service.key === key)
      .flatMap(({ backends }) => backends)
      .filter(({ pod }) => pod !== leaving?.pod);
    return [`${spec.clusterIP}:${spec.port}`, pods.map(({ address }) => `${address}:${BACKEND_PORT}`).sort()] as const;
  });
  return { services: Object.fromEntries(entries), astray: [] };
}

/** The same, as an API server of the cluster says it. */
export async function servedRows(server: LabApiServer): Promise<KernelRows> {
  const { services } = await server.services();
  const entries = services.flatMap(({ frontends, ports, backends }) =>
    frontends.flatMap((frontend) =>
      ports.map(({ port }) => {
        const targets = backends
          .filter(({ state }) => state === 'active')
          .flatMap(({ address, ports }) => ports.map((target) => `${address}:${target.port}`));
        return [`${frontend}:${port}`, targets.sort()] as const;
      }),
    ),
  );
  return { services: Object.fromEntries(entries), astray: [] };
}
