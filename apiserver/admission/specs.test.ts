// Given what peers say of how they export services, when it is admitted, then it is held to the same limits as every other record: what
// cannot be read is quarantined while the value before it stays, it counts in the quota, and it goes with its peer.

import { expect, test } from 'vitest';
import { AdmittedMesh, deleteEvent, putEvent } from '../../test/samples/admission.ts';
import { named, type SampleRecord, spec, wholeCluster } from '../../test/samples/mesh.ts';

const OFFERS = { card: { capabilities: ['service-specs'] } };
const west = wholeCluster('west', 1, { ...OFFERS, records: [spec('west')] });
const late = (...records: readonly SampleRecord[]) => wholeCluster('late', 9, { ...OFFERS, records });
const KEY = 'clustermesh/v1/services/late/shop/web';
const status = (mesh: AdmittedMesh, code: string) => mesh.report.checks.find((check) => check.code === code)?.status;

test('one that cannot be read is quarantined with its place, the one before it stays, and goes on once it is mended', () => {
  const mesh = new AdmittedMesh([west, late(spec('late', { sessionAffinity: 'ClientIP' }))]);
  expect(mesh.admitted('late', KEY)).toMatchObject({ sessionAffinity: 'ClientIP' });
  mesh.say('late', putEvent(spec('late', { sessionAffinity: 'Sticky' })));
  expect(mesh.withheld('late')).toEqual({ [KEY]: ['CM-REC-001'] });
  expect(mesh.engine.quarantine(named('late')).get(KEY)?.reason).toContain('sessionAffinity "Sticky" is none of');
  expect(mesh.admitted('late', KEY)).toMatchObject({ sessionAffinity: 'ClientIP' });
  // What is compared is the value that counts.
  expect(status(mesh, 'CM-SVC-003')).toBe('failed');
  mesh.say('late', putEvent(spec('late')));
  expect(mesh.withheld('late')).toEqual({});
  expect(mesh.report.findings).toEqual([]);
  expect(status(mesh, 'CM-SVC-003')).toBe('passed');
});

test('one under the key of another cluster or service is not taken', () => {
  const mesh = new AdmittedMesh([west, late(spec('late'))]);
  const foreign = { ...spec('west', { labels: { a: 'b' } }), key: 'clustermesh/v1/services/west/shop/web' };
  const misplaced = { ...spec('late'), key: 'clustermesh/v1/services/late/shop/cart' };
  mesh.say('late', putEvent(foreign), putEvent(misplaced));
  expect(Object.keys(mesh.withheld('late'))).toEqual([misplaced.key, foreign.key]);
  expect([mesh.admitted('late', foreign.key), mesh.admitted('late', misplaced.key)]).toEqual([undefined, undefined]);
  expect(status(mesh, 'CM-SVC-006')).toBe('passed');
});

test('counts in the quota of its peer', () => {
  const many = Array.from({ length: 20 }, (_, at) => spec('late', {}, `shop/s${at}`));
  const mesh = new AdmittedMesh([west, late(...many)], { quota: { records: 10, bytes: 1_000_000 } });
  expect(mesh.engine.admitted(named('late')).size).toBe(10);
  expect(mesh.report.findings.find(({ code }) => code === 'CM-REC-002')?.subject.cluster).toBe('late');
});

test('is withheld with a peer that is held back whole', () => {
  const mesh = new AdmittedMesh([
    west,
    wholeCluster('late', 1, { ...OFFERS, joinedDay: 9, records: [spec('late', { labels: { a: 'b' } })] }),
  ]);
  expect(mesh.withheld('late')[KEY]).toContain('CM-ID-001');
  expect(mesh.admitted('late', KEY)).toBeUndefined();
});

test('of a peer that goes back to an older version nothing is kept, and it is told that nothing is compared', () => {
  const mesh = new AdmittedMesh([west, late(spec('late', { labels: { a: 'b' } }))]);
  expect(status(mesh, 'CM-SVC-006')).toBe('failed');
  mesh.card(late(), { capabilities: [] });
  // The link does not ask any more, and so what it lists has none of them.
  const rest = late().records?.map(({ key }) => [key, undefined] as const);
  mesh.engine.retainRecords(named('late'), new Map(rest));
  expect(mesh.admitted('late', KEY)).toBeUndefined();
  expect(mesh.admitted('late', 'cilium/state/services/v1/late/shop/web')).toBeDefined();
  expect(status(mesh, 'CM-SVC-006')).toBe('skipped');
  expect(mesh.report.findings.map(({ code }) => code)).toEqual(['CM-CFG-003']);
});

test('a service that is not shared any more is not compared', () => {
  const mesh = new AdmittedMesh([west, late(spec('late', { labels: { a: 'b' } }))]);
  mesh.say('late', deleteEvent(KEY), deleteEvent('cilium/state/services/v1/late/shop/web'));
  expect(mesh.report.findings).toEqual([]);
  expect(mesh.report.checks.find(({ code }) => code === 'CM-SVC-006')).toMatchObject({
    status: 'skipped',
    reason: 'no service is shared by several clusters',
  });
});
