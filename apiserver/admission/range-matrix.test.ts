// How the ranges of two clusters may lie to each other, seen by a third one: for each pair of kinds and each way, what is found, what is
// withheld of the later cluster and what is left of it; then with the range added after the join, and removed again. The result is a
// page to be read, test/golden/conflicts/how-ranges-meet.txt; `UPDATE_GOLDEN=1` writes it anew.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Report } from '../../mesh/conflict/report.ts';
import type { ClusterCard } from '../../mesh/model/cluster.ts';
import { AdmittedMesh, deleteEvent, putEvent } from '../../test/samples/admission.ts';
import { endpoint, type SampleCluster, service, wholeCluster } from '../../test/samples/mesh.ts';

const GOLDEN = join(import.meta.dirname, '../../test/golden/conflicts/how-ranges-meet.txt');

type Kind = 'pod' | 'service' | 'node';
const FIELDS = { pod: 'podCIDRs', service: 'serviceCIDRs', node: 'nodeCIDRs' } as const;

interface Way {
  readonly way: string;
  readonly first: readonly string[];
  readonly later: readonly string[];
  /** Addresses of pods of the later cluster, inside its ranges. */
  readonly pods: readonly string[];
}

const WAYS: readonly Way[] = [
  { way: 'equal', first: ['10.50.0.0/16'], later: ['10.50.0.0/16'], pods: ['10.50.3.7'] },
  { way: 'nested, the later inside', first: ['10.50.0.0/16'], later: ['10.50.3.0/24'], pods: ['10.50.3.7'] },
  {
    way: 'nested, the later around',
    first: ['10.50.0.0/16'],
    later: ['10.48.0.0/14'],
    pods: ['10.50.3.7', '10.49.3.7'],
  },
  // Two ranges nest or lie apart. What overlaps in part is a set of them, and of that the part that meets is lost.
  {
    way: 'partial',
    first: ['10.50.0.0/16'],
    later: ['10.49.128.0/17', '10.50.0.0/17'],
    pods: ['10.50.3.7', '10.49.200.7'],
  },
  { way: 'adjacent', first: ['10.50.0.0/16'], later: ['10.51.0.0/16'], pods: ['10.51.3.7'] },
  { way: 'IPv4-mapped', first: ['10.50.0.0/16'], later: ['::ffff:10.50.0.0/112'], pods: ['10.50.3.7'] },
  { way: 'IPv6', first: ['fd00:50::/48'], later: ['fd00:50:0:8000::/49'], pods: ['fd00:50:0:8000::7'] },
  { way: 'IPv6, adjacent', first: ['fd00:50::/48'], later: ['fd00:51::/48'], pods: ['fd00:51::7'] },
  {
    way: 'dual stack',
    first: ['10.50.0.0/16', 'fd00:50::/48'],
    later: ['10.50.3.0/24', 'fd00:50:0:8000::/49'],
    pods: ['10.50.3.7', 'fd00:50:0:8000::7'],
  },
  {
    way: 'dual stack, one family only',
    first: ['10.50.0.0/16', 'fd00:50::/48'],
    later: ['10.50.3.0/24', 'fd00:51::/48'],
    pods: ['10.50.3.7', 'fd00:51::7'],
  },
];

const PAIRS: readonly (readonly [Kind, Kind])[] = [
  ['pod', 'pod'],
  ['pod', 'service'],
  ['pod', 'node'],
  ['service', 'pod'],
  ['service', 'node'],
  ['node', 'pod'],
  ['node', 'service'],
  ['service', 'service'],
  ['node', 'node'],
];

const west = wholeCluster('west', 1);
const ip = (address: string) => `cilium/state/ip/v1/default/${address}`;
const CART = 'cilium/state/services/v1/later/shop/cart';

const cardWith = (id: number, kind: Kind, ranges: readonly string[]): Partial<ClusterCard> => ({
  [FIELDS[kind]]: [...(wholeRanges(id)[FIELDS[kind]] ?? []), ...ranges],
});
const wholeRanges = (id: number): Partial<ClusterCard> => ({
  podCIDRs: [`10.${id}.0.0/16`],
  serviceCIDRs: [`172.${id}.0.0/16`],
  nodeCIDRs: [`192.168.${id}.0/24`],
});

interface Setting {
  readonly first: SampleCluster;
  readonly later: SampleCluster;
  readonly card: Partial<ClusterCard>;
  readonly pods: readonly ReturnType<typeof endpoint>[];
}

function settingOf([laterKind, firstKind]: readonly [Kind, Kind], { first, later, pods }: Way): Setting {
  return {
    first: wholeCluster('first', 2, { card: cardWith(2, firstKind, first) }),
    later: wholeCluster('later', 9),
    card: cardWith(9, laterKind, later),
    pods: [
      ...pods.map((address) => endpoint(address, 6)),
      service({ cluster: 'later', id: 9, name: 'shop/cart', backends: ['10.9.0.5', ...pods] }),
    ],
  };
}

const findingsText = ({ findings }: Report): readonly string[] =>
  findings.map(({ code, severity, evidence, winner, subject }) => {
    const at = typeof evidence.intersection === 'string' ? ` at ${evidence.intersection}` : ` of ${subject.value}`;
    return `${code} ${severity}${at}: ${winner} wins`;
  });

/** What became of the pods and of the service of the later cluster. */
function fateText(mesh: AdmittedMesh, pods: readonly string[]): string {
  const cart = mesh.admitted('later', CART) as { readonly backends?: object } | undefined;
  const backends = Object.keys(cart?.backends ?? {});
  const fates = pods.map((address) => {
    const pod = mesh.admitted('later', ip(address)) === undefined ? 'withheld' : 'admitted';
    return `${address} ${pod}${backends.includes(address) ? '' : ', no backend'}`;
  });
  return [...fates, backends.includes('10.9.0.5') ? 'the rest admitted' : 'the rest WITHHELD'].join('; ');
}

function describeWay(pair: readonly [Kind, Kind], way: Way): string {
  const { first, later, card, pods } = settingOf(pair, way);
  const mesh = new AdmittedMesh([west, first, { ...later, card, records: [...(later.records ?? []), ...pods] }]);
  const found = findingsText(mesh.report);
  return [
    `${way.way}: first has ${way.first.join(' ')}, later has ${way.later.join(' ')}`,
    ...(found.length === 0 ? ['nothing is found'] : found),
    fateText(mesh, way.pods),
  ].join('\n    ');
}

const page = (): string =>
  PAIRS.map(([laterKind, firstKind]) => {
    const ways = WAYS.map((way) => `  ${describeWay([laterKind, firstKind], way)}`);
    return `A ${laterKind} range of the later cluster, a ${firstKind} range of the first\n\n${ways.join('\n')}\n`;
  }).join('\n');

test('is as the page says', () => {
  const written = page();
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(GOLDEN, written);
  expect(written).toBe(readFileSync(GOLDEN, 'utf8'));
});

describe.each(PAIRS)('a %s range against a %s range', (...pair) => {
  test.each(WAYS.map((way) => [way.way, way] as const))('%s, seen by everybody in the same way', (_, way) => {
    const { first, later, card, pods } = settingOf(pair, way);
    const all = [west, first, { ...later, card, records: [...(later.records ?? []), ...pods] }];
    const seenBy = (name: string) =>
      findingsText(
        new AdmittedMesh([...all.filter((one) => one.name === name), ...all.filter((one) => one.name !== name)]).report,
      );
    expect(seenBy('first')).toEqual(seenBy('west'));
    expect(seenBy('later')).toEqual(seenBy('west'));
  });

  test.each(WAYS.map((way) => [way.way, way] as const))('%s, added after the join and removed again', (_, way) => {
    const { first, later, card, pods } = settingOf(pair, way);
    const joined = new AdmittedMesh([west, first, { ...later, card, records: [...(later.records ?? []), ...pods] }]);
    const mesh = new AdmittedMesh([west, first, later]);
    const before = new Map(mesh.engine.admitted('later' as never));
    expect(mesh.report.findings).toEqual([]);

    mesh.card(later, card);
    mesh.say('later', ...pods.map(putEvent));
    // The same meetings, each as something new; and the same is withheld.
    const added = mesh.report.findings;
    expect(added.map(({ code, evidence }) => [code, evidence.would_be])).toEqual(
      joined.report.findings.map(({ code }) => ['CM-CIDR-005', code]),
    );
    expect(fateText(mesh, way.pods)).toBe(fateText(joined, way.pods));
    expect(Object.keys(mesh.withheld('later'))).toEqual(Object.keys(joined.withheld('later')));

    mesh.say('later', ...pods.map(({ key }) => deleteEvent(key)));
    mesh.card(later, {});
    expect(mesh.report.findings).toEqual([]);
    expect(mesh.withheld('later')).toEqual({});
    expect(new Map(mesh.engine.admitted('later' as never))).toEqual(before);
  });
});
