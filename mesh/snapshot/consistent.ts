// What must hold of every snapshot, whoever made it: checked before one is published and when one arrives. A violation is a
// bug or damage, never a user's mistake; what users get wrong is found by mesh/conflict.

import { parseServiceKey } from '../model/names.ts';
import { type Backend, type MeshService, PROTOCOLS } from '../model/service.ts';
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
  const problems: string[] = [];
  const key = parseServiceKey(service.key);
  if (!key.ok) problems.push(key.error);
  if (!isAscending(service.frontends, compareText)) problems.push('frontends are not sorted and distinct');
  if (!isAscending(service.ports, (a, b) => compareText(a.name, b.name))) {
    problems.push('ports are not sorted by name and distinct');
  }
  if (!isAscending(service.backends, compareBackends)) problems.push('backends are not sorted and distinct');
  for (const { port, protocol } of service.ports) {
    if (!isPort(port)) problems.push(`${port} is no port`);
    if (!PROTOCOLS.includes(protocol)) problems.push(`${protocol} is no protocol`);
  }
  problems.push(...service.backends.flatMap((backend) => checkBackend(service, backend)));
  return problems;
}

/** What a delta brought, as it stands in the snapshot after it: the rest has been checked before. */
export const checkDelta = (next: MeshSnapshot, delta: SnapshotDelta): string[] =>
  delta.changed.flatMap((change) => checkChange(next.services.get(change.key), change));

/** `service`: as it is after the change. */
export function checkChange(service: MeshService | undefined, { key, spec, upserted }: ServiceDelta): string[] {
  if (service === undefined) return [`${key}: changed, but is not there`];
  const problems =
    spec === undefined ? upserted.flatMap((backend) => checkBackend(service, backend)) : checkService(service);
  return problems.map((problem) => `${key}: ${problem}`);
}

function checkBackend(service: MeshService, backend: Backend): string[] {
  const subject = `backend ${backend.address} of ${backend.cluster}`;
  const problems: string[] = [];
  const fits = backend.ports.every(({ name, protocol }) =>
    service.ports.some((port) => port.name === name && port.protocol === protocol),
  );
  if (backend.ports.length === 0) problems.push(`${subject} has no port`);
  if (!fits) problems.push(`${subject} has a port that the service lacks`);
  if (!backend.ports.every(({ port }) => isPort(port))) problems.push(`${subject} has a port outside 1 to 65535`);
  return problems;
}

const isPort = (port: number): boolean => Number.isInteger(port) && port >= 1 && port <= 65_535;
