// What must hold of every snapshot, whoever made it: checked before one is published and when one arrives. A violation is a
// bug or damage, never a user's mistake; what users get wrong is found by mesh/conflict.

import { parseServiceKey } from '../model/names.ts';
import { type MeshService, PROTOCOLS } from '../model/service.ts';
import { compareBackends, compareText, isAscending } from './order.ts';
import type { MeshSnapshot } from './snapshot.ts';

/** One sentence per violation; empty when the snapshot is sound. */
export function check(snapshot: MeshSnapshot): string[] {
  const problems: string[] = [];
  if (!(snapshot.position.revision > 0)) problems.push(`revision ${snapshot.position.revision} is not positive`);
  const names = new Map<number, string>();
  for (const [name, id] of snapshot.clusters) {
    const other = names.get(id);
    if (other !== undefined) problems.push(`clusters ${other} and ${name} both have the id ${id}`);
    names.set(id, name);
  }
  for (const [key, service] of snapshot.services) {
    if (service.key !== key) problems.push(`${key} holds the service ${service.key}`);
    problems.push(...checkService(service).map((problem) => `${key}: ${problem}`));
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
  for (const backend of service.backends) {
    const matching = backend.ports.filter(({ name, protocol }) =>
      service.ports.some((port) => port.name === name && port.protocol === protocol),
    );
    if (matching.length === 0 || matching.length < backend.ports.length) {
      problems.push(`backend ${backend.address} of ${backend.cluster} has a port that the service lacks, or none`);
    }
    if (!backend.ports.every(({ port }) => isPort(port))) {
      problems.push(`backend ${backend.address} of ${backend.cluster} has a port outside 1 to 65535`);
    }
  }
  return problems;
}

const isPort = (port: number): boolean => Number.isInteger(port) && port >= 1 && port <= 65_535;
