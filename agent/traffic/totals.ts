// Counters for metrics: one line for a service and not for each of its frontends, and of a bounded number of services. Pure.

import type { ServiceCountersDocument, TrafficCountersDocument } from './document.ts';
import type { ServiceCounts } from './port.ts';

/** Label values of one metric of one node: more burdens a Prometheus that scrapes thousands of nodes. */
const SERVICES_MAX = 1_000;
/** What the others are counted as; no service can be called so, for want of a slash. */
const OTHERS = 'others';

/**
 * The services with the most calls by their names, all others together. A service that crosses that line between two readings
 * looks to Prometheus like a counter that began anew.
 */
export function totalsByService(
  { services }: TrafficCountersDocument,
  max = SERVICES_MAX,
): ReadonlyMap<string, ServiceCounts> {
  const own = sum(services, ({ service }) => service ?? OTHERS);
  if (own.size <= max) return own;
  const most = [...own].sort(([, a], [, b]) => calls(b) - calls(a)).slice(0, max);
  const kept = new Set(most.map(([service]) => service));
  return sum(services, ({ service }) => (service !== null && kept.has(service) ? service : OTHERS));
}

function sum(
  services: readonly ServiceCountersDocument[],
  nameOf: (counters: ServiceCountersDocument) => string,
): ReadonlyMap<string, ServiceCounts> {
  const totals = new Map<string, ServiceCounts>();
  for (const counters of services) {
    const name = nameOf(counters);
    const before = totals.get(name);
    totals.set(name, before === undefined ? counters : add(before, counters));
  }
  return totals;
}

const add = (a: ServiceCounts, b: ServiceCounts): ServiceCounts => ({
  translated: a.translated + b.translated,
  refused: {
    'no-backends': a.refused['no-backends'] + b.refused['no-backends'],
    'no-slot': a.refused['no-slot'] + b.refused['no-slot'],
    'no-memory': a.refused['no-memory'] + b.refused['no-memory'],
  },
});

const calls = ({ translated, refused }: ServiceCounts): number =>
  translated + Object.values(refused).reduce((total, count) => total + count, 0);
