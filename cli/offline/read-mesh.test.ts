// The folder of an offline judgement: every file may be absent, and what cannot be read becomes a finding, not a failure.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Report } from '../../mesh/conflict/report.ts';
import { codes, jsonOf, NOW, only, type SampleCluster, sampleCard, wholeCluster } from '../../test/samples/mesh.ts';
import { readLines } from './lines.ts';
import { placeOf } from './place.ts';
import { offlineReport } from './report.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'offline-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function write(path: string, content: string | object): Promise<void> {
  await mkdir(join(dir, path, '..'), { recursive: true });
  await writeFile(join(dir, path), typeof content === 'string' ? content : JSON.stringify(content));
}

async function writeCluster(cluster: SampleCluster): Promise<void> {
  await write(`${cluster.name}/card.json`, sampleCard(cluster));
  const lines = (cluster.records ?? []).map(({ key, bytes }) => {
    const text = new TextDecoder().decode(bytes);
    return JSON.stringify({ key, value: text.startsWith('{') ? jsonOf(bytes) : text });
  });
  await write(`${cluster.name}/state.jsonl`, `${lines.join('\n')}\n`);
}

const report = (): Promise<Report> => offlineReport(dir, NOW);
const status = (found: Report, code: string) => found.checks.find((check) => check.code === code)?.status;

test('two clusters in order: their records are judged, and what has no input is skipped', async () => {
  await writeCluster(wholeCluster('west', 1));
  await writeCluster(wholeCluster('central', 2));
  const found = await report();
  expect(codes(found)).toEqual([]);
  expect(found).toMatchObject({ cluster: null, verdict: 'ok', peers: [{ records: 4 }, { records: 4 }] });
  expect(
    ['CM-CIDR-001', 'CM-CIDR-005', 'CM-SVC-011', 'CM-FRESH-001', 'CM-TRUST-001'].map((code) => status(found, code)),
  ).toEqual(['passed', 'skipped', 'skipped', 'skipped', 'skipped']);
});

test('the local cluster gives the point of view: its own records are never withheld', async () => {
  await write('local', 'central\n');
  await writeCluster(wholeCluster('west', 1));
  await writeCluster(wholeCluster('central', 2, { card: { podCIDRs: ['10.1.0.0/16', '10.2.0.0/16'] } }));
  const found = await report();
  expect(found.cluster).toBe('central');
  expect(only(found, 'CM-CIDR-001')).toMatchObject({ winner: 'west', effect: { withheld: { endpoints: 1 } } });
});

test('history, heartbeat and a card from the future are compared', async () => {
  await writeCluster(wholeCluster('west', 1));
  await writeCluster(wholeCluster('central', 2, { card: { time: '2026-02-01T00:02:00Z' } }));
  await write('central/admitted.json', sampleCard({ name: 'central', id: 2, card: { uid: 'before' } }));
  await write('central/heartbeat', '2026-01-31T23:00:00Z\n');
  expect([...codes(await report())].sort()).toEqual(['CM-CFG-004', 'CM-FRESH-001', 'CM-ID-004']);
});

test('a plain cluster is known by its config and its records; configs of others in its etcd are not its own', async () => {
  await write(
    'plain/state.jsonl',
    ['plain', 'central']
      .map((name, at) => JSON.stringify({ key: `cilium/cluster-config/${name}`, value: { id: 7 - at } }))
      .join('\n'),
  );
  expect(codes(await report())).toEqual([]);
  await write('other/state.jsonl', JSON.stringify({ key: 'cilium/cluster-config/renamed', value: { id: 8 } }));
  expect(only(await report(), 'CM-ID-002')).toMatchObject({ subject: { cluster: 'other', value: 'renamed' } });
});

describe('what cannot be read', () => {
  beforeEach(() => writeCluster(wholeCluster('west', 1)));

  test.each([
    ['west/card.json', '{"name": ', 'CM-REC-001', 'west/card.json'],
    ['west/admitted.json', '[]', 'CM-REC-001', 'west/admitted.json'],
    ['west/heartbeat', 'yesterday', 'CM-REC-001', 'west/heartbeat'],
    ['local', 'nobody', 'CM-REC-001', 'local'],
    ['West!/card.json', sampleCard({ name: 'West!', id: 3 }), 'CM-REC-001', 'West!/card.json'],
  ])('%s becomes a finding that points to it', async (path, content, code, place) => {
    await write(path, content);
    const finding = only(await report(), code);
    expect(placeOf(finding).path).toBe(place);
  });

  test('lines that hold no record are told one by one, and the others are read', async () => {
    await write(
      'west/state.jsonl',
      'no json\n\n{"key":"cilium/state/x"}\n[]\n{"key":"cilium/state/ip/v1/default/8.8.8.8","value":{"IP":"8.8.8.8","ID":65537}}\n',
    );
    const found = (await report()).findings.filter(({ code }) => code === 'CM-REC-001');
    expect(new Map(found.map((finding) => [placeOf(finding).line, finding.evidence.reason]))).toEqual(
      new Map([
        [1, 'is not JSON'],
        [3, 'has no value'],
        [4, 'is not a JSON object'],
      ]),
    );
  });

  test('a file that is a folder is told, and the rest is judged', async () => {
    await mkdir(join(dir, 'west', 'heartbeat'));
    expect(only(await report(), 'CM-REC-001').evidence.reason).toMatch('cannot be read');
  });
});

test('lines are read across pieces, and one that is too long is passed over with its number', async () => {
  const long = 'x'.repeat(3 * 1024 * 1024);
  await write('lines', `first\n${long}\nthird\n${long.slice(0, 1024 * 1024)}\nlast`);
  const lines = [];
  for await (const batch of readLines(join(dir, 'lines'), 2 * 1024 * 1024)) lines.push(...batch);
  expect(lines.map(({ number, text }) => [number, text?.length])).toEqual([
    [1, 5],
    [2, undefined],
    [3, 5],
    [4, 1024 * 1024],
    [5, 4],
  ]);
});
