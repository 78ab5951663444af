import { expect, test } from 'vitest';
import { progressOn } from './progress.ts';

function told(isTTY: boolean, columns?: number) {
  let text = '';
  let at = 0;
  const output = { isTTY, write: (more: string) => (text += more), ...(columns === undefined ? {} : { columns }) };
  return { progress: progressOn(output, () => at), after: (ms: number) => (at += ms), text: () => text };
}

test('in a log each step is a line, and what passes is told now and then', () => {
  const { progress, after, text } = told(false);
  progress.step('measure churn');
  for (let second = 1; second <= 40; second += 1) {
    after(1_000);
    progress.passing(`${second} of 40`);
  }
  expect(text().split('\n').filter(Boolean)).toEqual([
    '    0.0 s  measure churn',
    '   15.0 s  15 of 40',
    '   30.0 s  30 of 40',
  ]);
});

test('on a terminal what passes is overwritten, and never wraps', () => {
  const { progress, text } = told(true, 20);
  progress.passing('a long story of what happens');
  progress.step('done');
  const [passing, step] = text().split('\r\x1b[K').slice(1);
  expect(passing).toHaveLength(19);
  expect(step).toBe('    0.0 s  done\n');
});
