// The catalogue, its documentation and the fingerprints that name findings.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { judged, wholeCluster } from '../../test/samples/mesh.ts';
import { CATALOGUE, docsAnchor, remediation } from './catalogue.ts';
import { explain } from './explain.ts';
import { fingerprint } from './fingerprint.ts';
import { filterReport } from './report.ts';

const findingsPage = readFileSync(join(import.meta.dirname, '../../docs/findings.md'), 'utf8');

describe('the catalogue', () => {
  test('has an entry in docs/findings.md for every code, and no other', () => {
    const documented = [...findingsPage.matchAll(/^## (CM-\S+)$/gm)].map(([, code]) => code);
    expect(documented.sort()).toEqual([...CATALOGUE.keys(), 'CM-CIDR-004'].sort());
    expect(docsAnchor('CM-CIDR-001')).toBe('docs/findings.md#cm-cidr-001');
  });

  test('fills in remedies, whatever a value holds', () => {
    const party = { cluster: 'west', kind: 'identity', key: 'k', value: '$& {other}' };
    const text = remediation({ code: 'CM-IDENT-004', subject: party, other: 'local', fingerprint: 'f' });
    expect(text).toBe('Check that west publishes identity $& {other}.');
  });
});

describe('fingerprints', () => {
  test('are stable: they are stored and typed', () => {
    expect(fingerprint(['CM-ID-001', 'west', 'cluster-id', '2'])).toBe('c06d1d557157a29a');
    expect(fingerprint(['a', 'bc'])).not.toBe(fingerprint(['ab', 'c']));
  });

  test('name a pair whoever of it wins', () => {
    const overlap = (day: number) =>
      judged('west', [
        wholeCluster('west', 1),
        wholeCluster('east', 2, { joinedDay: day, card: { podCIDRs: ['10.1.0.0/16', '10.2.0.0/16'] } }),
      ]).report.findings[0];
    expect(overlap(0)?.winner).toBe('east');
    expect(overlap(9)?.winner).toBe('west');
    expect(overlap(0)?.fingerprint).toBe(overlap(9)?.fingerprint);
  });
});

describe('a report', () => {
  const rogue = wholeCluster('rogue', 9, { card: { podCIDRs: ['10.2.128.0/17', '10.9.0.0/16'], id: 9 } });
  const { report } = judged('west', [wholeCluster('west', 1), wholeCluster('central', 2), rogue]);

  test('explains a finding in four sentences', () => {
    const [finding] = report.findings;
    expect(finding === undefined ? undefined : explain(finding)).toEqual({
      what:
        'Pod CIDRs of two clusters overlap: rogue, pod CIDR 10.2.128.0/17 against central, pod CIDR 10.2.0.0/16 (ranges central: 10.2.0.0/16, ' +
        'rogue: 10.2.128.0/17; intersection 10.2.128.0/17; endpoints inside central: 0, rogue: 0; backends inside central: 0, rogue: 0). ' +
        'The first claim is that of central.',
      why: 'An address in both ranges names two pods, and packets reach whichever the node heard of last.',
      effect: "The loser's endpoints and backends inside the intersection are withheld; the rest of it is admitted.",
      fix: 'Give rogue a pod CIDR that overlaps none of the mesh; 10.2.128.0/17 meets central.',
    });
  });

  test('is filtered by peer, severity, category, code and service, and its verdict stays', () => {
    const count = (filter: object) => filterReport(report, filter).findings.length;
    expect([
      count({ peer: 'central' }),
      count({ peer: 'west' }),
      count({ severity: 'error' }),
      count({ category: 'identity' }),
      count({ code: 'CM-CIDR-001' }),
      count({ service: 'shop/web' }),
    ]).toEqual([1, 0, 1, 0, 1, 0]);
    expect(filterReport(report, { peer: 'west' })).toMatchObject({
      verdict: 'degraded',
      summary: { by_severity: { error: 0 } },
    });
  });
});
