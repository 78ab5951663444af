import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Finding } from '../../mesh/conflict/finding.ts';
import type { Log, LogFields } from '../../runtime/log.ts';
import { ManualClock } from '../../runtime/manual-clock.ts';
import { judged, wholeCluster } from '../../test/samples/mesh.ts';
import { FindingLog } from './finding-log.ts';

const overlap = judged('west', [
  wholeCluster('west', 1),
  wholeCluster('rogue', 9, { card: { podCIDRs: ['10.1.0.0/17', '10.9.0.0/16'] } }),
]).report.findings;

let lines: string[];
let findings: readonly Finding[];
let clock: ManualClock;
let stop: AbortController;
let changed: () => void;

beforeEach(async () => {
  lines = [];
  findings = [];
  clock = new ManualClock();
  stop = new AbortController();
  const write = (level: string) => (message: string, fields?: LogFields) =>
    void lines.push([level, message, fields?.code, fields?.subject, fields?.other].join(' | '));
  const log: Log = {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: () => log,
  };
  const onFindings = (listener: () => void) => {
    changed = listener;
    return () => {};
  };
  void new FindingLog({ report: () => ({ findings }), prepare: async () => {}, onFindings, clock, log }).run(
    stop.signal,
  );
  await Promise.resolve();
});
afterEach(() => stop.abort());

/** Lets the run get from one pause to the next. */
async function pass(seconds: number): Promise<void> {
  for (let at = 0; at < seconds; at += 1) {
    clock.advance(1_000);
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
  }
}

test('a finding that appears and one that is gone are one line each, however often it is looked at', async () => {
  findings = overlap;
  for (let at = 0; at < 3; at += 1) changed();
  await pass(3);
  expect(lines).toEqual(['warn | finding appeared | CM-CIDR-001 | rogue: pod-cidr 10.1.0.0/17 | west']);
  findings = [];
  changed();
  await pass(2);
  expect(lines.slice(1)).toEqual(['info | finding disappeared | CM-CIDR-001 | rogue: pod-cidr 10.1.0.0/17 | west']);
});

test('what nobody announces is noticed too', async () => {
  findings = overlap;
  await pass(20);
  expect(lines).toEqual([]);
  await pass(15);
  expect(lines).toHaveLength(1);
});

test('a flood of one code is counted', async () => {
  findings = Array.from({ length: 150 }, (_, at) => ({ ...overlap[0], fingerprint: String(at) }) as Finding);
  changed();
  await pass(2);
  expect(lines).toHaveLength(101);
  expect(lines.at(-1)).toMatch('warn | more findings changed | CM-CIDR-001');
});
