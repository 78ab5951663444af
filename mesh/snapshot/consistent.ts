// What must hold of every snapshot, whoever made it: checked before one is published and when one arrives. A violation is a
// bug or damage, never a user's mistake; what users get wrong is found by mesh/conflict.

import { itemsOf } from '../model/list.ts';
import { parseServiceKey } from '../model/names.ts';
import { type Backend, type MeshService, type NamedPort, PROTOCOLS } from '../model/service.ts';
import type { ServiceDelta, SnapshotDelta } from './delta.ts';
import { compareBackends, compareText, isAscending } from './order.ts';
import type { MeshSnapshot } from './snapshot.ts';

/** One sentence per violation; empty when the snapshot is sound. */
export function check(snapshot: MeshSnapshot): string[] {
  const problems = checkHead(snapshot);
  for (const [key, service] of snapshot.services) {
    if (service.key !== key) problems.push(`${key} holds the service ${service.key}`);
    problems.push(...checkService(service).map((problem) => `${key}: ${problem}`));
  }
  return problems;
}

/** All but the services. */
export function checkHead({ position, clusters }: Pick<MeshSnapshot, 'position' | 'clusters'>): string[] {
  const problems: string[] = [];
  if (!(position.revision > 0)) problems.push(`revision ${position.revision} is not positive`);
  const names = new Map<number, string>();
  for (const [name, id] of clusters) {
    const other = names.get(id);
    if (other !== undefined) problems.push(`clusters ${other} and ${name} both have the id ${id}`);
    names.set(id, name);
  }
  return problems;
}

export function checkService(service: MeshService): string[] {
  const key = parseServiceKey(service.key);
  return [...(key.ok ? [] : [key.error]), ...checkContent(service)];
}

/** All but the key, for those who have read it already. */
export function checkContent(service: MeshService): string[] {
  const problems: string[] = [];
  if (!isAscending(service.frontends, compareText)) problems.push('frontends are not sorted and distinct');
  if (!isAscending(service.ports, byName)) problems.push('ports are not sorted by name and distinct');
  if (!isAscending(service.backends, compareBackends)) problems.push('backends are not sorted and distinct');
  for (const { port, protocol } of service.ports) {
    if (!isPort(port)) problems.push(`${port} is no port`);
    if (!PROTOCOLS.includes(protocol)) problems.push(`${protocol} is no protocol`);
  }
  // Backends commonly share their ports, which are then looked at once.
  let sound: readonly NamedPort[] | undefined;
  for (const backend of service.backends) {
    if (backend.ports === sound) continue;
    const found = checkBackend(service, backend);
    if (found.length === 0) sound = backend.ports;
    else problems.push(...found);
  }
  return problems;
}

const byName = (a: NamedPort, b: NamedPort): number => compareText(a.name, b.name);

/** What a delta brought, as it stands in the snapshot after it: the rest has been checked before. */
export const checkDelta = (next: MeshSnapshot, delta: SnapshotDelta): string[] =>
  delta.changed.flatMap((change) => checkChange(next.services.get(change.key), change));

/** `service`: as it is after the change. */
export function checkChange(service: MeshService | undefined, { key, spec, upserted }: ServiceDelta): string[] {
  if (service === undefined) return [`${key}: changed, but is not there`];
  const problems =
    spec === undefined ? itemsOf(upserted).flatMap((backend) => checkBackend(service, backend)) : checkService(service);
  return problems.map((problem) => `${key}: ${problem}`);
}

/** Of a backend alone, which is what its ports are. */
function checkBackend(service: MeshService, { address, cluster, ports }: Backend): string[] {
  const problems: string[] = [];
  if (ports.length === 0) problems.push('has no port');
  if (
    !ports.every((port) => service.ports.some((other) => port.name === other.name && port.protocol === other.protocol))
  )
    problems.push('has a port that the service lacks');
  if (!ports.every(({ port }) => isPort(port))) problems.push('has a port outside 1 to 65535');
  return problems.map((problem) => `backend ${address} of ${cluster} ${problem}`);
}

const isPort = (port: number): boolean => Number.isInteger(port) && port >= 1 && port <= 65_535;
