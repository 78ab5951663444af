// Global services whose constituents disagree, as far as their records show it: CM-SVC-001 (ports) and CM-SVC-002 (headlessness),
// for every pair of clusters that have the service. What the MCS exports carry beyond that has its own rows.

import type { ClusterName, ServiceKey } from '../model/names.ts';
import type { Drafts } from './drafts.ts';
import { type Party, pairFingerprint } from './finding.ts';
import { compareText } from './order.ts';

/** What constituents must agree on. Target ports may differ, so only the frontend's ports count. */
export interface ServiceShape {
  readonly headless: boolean;
  /** Each name with its port, `TCP/80`, once, in order. Frontends may contradict each other, and then a name has several. */
  readonly ports: readonly (readonly [name: string, port: string])[];
  /** Equal texts, equal shapes. */
  readonly text: string;
}

export function serviceShape(frontends: readonly { readonly name: string; readonly port: string }[]): ServiceShape {
  const byText = new Map(frontends.map(({ name, port }) => [`${name}=${port}`, [name, port] as const]));
  const sorted = [...byText].sort(([a], [b]) => compareText(a, b));
  const headless = sorted.length === 0;
  return {
    headless,
    ports: sorted.map(([, port]) => port),
    text: headless ? 'headless' : sorted.map(([text]) => text).join(' '),
  };
}

export type ServiceConflict =
  | { readonly code: 'CM-SVC-002' }
  | {
      readonly code: 'CM-SVC-001';
      /** Port names that cannot be used together, on each side. */
      readonly ofA: ReadonlySet<string>;
      readonly ofB: ReadonlySet<string>;
    };

export function serviceConflict(a: ServiceShape, b: ServiceShape): ServiceConflict | undefined {
  if (a.text === b.text) return undefined;
  if (a.headless !== b.headless) return { code: 'CM-SVC-002' };
  const ofA = new Set<string>();
  const ofB = new Set<string>();
  for (const [nameA, portA] of a.ports) {
    for (const [nameB, portB] of b.ports) {
      if ((nameA === nameB) === (portA === portB)) continue;
      ofA.add(nameA);
      ofB.add(nameB);
    }
  }
  return ofA.size === 0 ? undefined : { code: 'CM-SVC-001', ofA, ofB };
}

export const serviceFingerprint = (code: string, key: ServiceKey, a: ClusterName, b: ClusterName): string =>
  pairFingerprint(code, nameOnly(key, a), nameOnly(key, b));

/** A conflict stays the same one while its ports change. */
const nameOnly = (key: ServiceKey, cluster: ClusterName): Party => ({ cluster, kind: 'service', key, value: '' });

export interface Constituent {
  readonly cluster: ClusterName;
  readonly shape: ServiceShape;
}

/** `wins` says which of two clusters comes first. */
export function serviceDrafts(
  key: ServiceKey,
  constituents: readonly Constituent[],
  wins: (a: ClusterName, b: ClusterName) => boolean,
  drafts: Drafts,
): void {
  const sorted = [...constituents].sort((a, b) => compareText(a.cluster, b.cluster));
  for (const [at, a] of sorted.entries()) {
    for (const b of sorted.slice(at + 1)) {
      const conflict = serviceConflict(a.shape, b.shape);
      if (conflict === undefined) continue;
      const [winner, loser] = wins(a.cluster, b.cluster) ? [a, b] : [b, a];
      const { code } = conflict;
      drafts.add(code, loser.cluster, () => ({
        code,
        subject: { cluster: loser.cluster, kind: 'service', key, value: loser.shape.text },
        other: { cluster: winner.cluster, kind: 'service', key, value: winner.shape.text },
        evidence: {
          reason: code === 'CM-SVC-001' ? 'PortConflict' : 'TypeConflict',
          ...(conflict.code === 'CM-SVC-001'
            ? { contested: { [a.cluster]: [...conflict.ofA].sort(), [b.cluster]: [...conflict.ofB].sort() } }
            : {}),
        },
        winner: winner.cluster,
        fingerprint: serviceFingerprint(code, key, a.cluster, b.cluster),
      }));
    }
  }
}
