import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { readOptions } from './options.ts';
import { FULL, SHORT } from './size.ts';

let said = '';
beforeEach(() => {
  said = '';
  for (const stream of [process.stdout, process.stderr]) {
    vi.spyOn(stream, 'write').mockImplementation((text) => {
      said += String(text);
      return true;
    });
  }
});
afterEach(() => void vi.restoreAllMocks());

const read = (line: string) => readOptions(line.split(' ').filter(Boolean));

test('without any: the load of the reference, and all measures', () => {
  expect(read('')).toMatchObject({ runs: [{ size: FULL, churn: { seconds: 30, seed: 1 }, agents: 100 }] });
});

test('a number takes the place of the default, also of the short one', () => {
  expect(read('--short --nodes 3 --seed 7')).toMatchObject({
    runs: [{ size: { ...SHORT, nodes: 3 }, churn: { seed: 7 } }],
  });
});

test('several sizes are several runs, the smallest first', () => {
  const options = read('--clusters 50,10 --only churn');
  expect(typeof options === 'number' ? options : options.runs.map(({ size }) => size.clusters)).toEqual([10, 50]);
});

test('help is no failure, and names every measure', () => {
  expect(read('--help')).toBe(0);
  expect(said).toContain('bare,');
});

describe('wrong usage ends with 2 and says what is wrong', () => {
  test.each([
    ['--clusters 0', /not a whole number above 0/],
    ['--datapath xdp', /Allowed choices are memory, ebpf/],
    ['--clusters 10,300', /at most 254 clusters/],
    ['--clusters 10,10', /named twice/],
    ['--endpoints 5', /services × backends/],
    ['--large 64500', /65000 together/],
    ['--nodes 2000', /1000 nodes/],
    ['--services 200 --backends 1', /100 services/],
    ['--only churn,nothing', /nothing is none of bare, /],
    ['--rates pods=1', /pods is no kind/],
    ['--seed x', /not a whole number/],
    ['--output xml', /Allowed choices are text, json/],
    ['--unknown', /unknown option/],
    ['churn', /too many arguments/],
  ])('%s', (line, reason) => {
    expect(read(line)).toBe(2);
    expect(said).toMatch(reason);
  });
});
