import { expect, test } from 'vitest';
import { SAMPLES_MAX, type Sample, TimelineRecorder } from './timeline.ts';

const sample = (at: number, late: number, queue?: number): Sample => ({
  atMs: at,
  processes: { apiserver: { cpuMs: at, rssBytes: at, lateMs: late } },
  ...(queue === undefined ? {} : { queues: { reflect: queue } }),
});

test('however long a run takes, the samples are bounded and even, and reach to its end', () => {
  const recorder = new TimelineRecorder();
  let at = 0;
  for (let taken = 0; taken < 10 * SAMPLES_MAX; taken += 1) {
    at += recorder.intervalMs;
    recorder.add(sample(at, 1));
  }
  const { samples } = recorder.timeline;
  expect(samples.length).toBeLessThan(SAMPLES_MAX);
  expect(samples.length).toBeGreaterThanOrEqual(SAMPLES_MAX / 2);
  const last = samples.at(-1)?.atMs ?? 0;
  expect(at - last).toBeLessThan(2 * recorder.intervalMs);
  expect(
    Math.max(...samples.slice(1).map(({ atMs }, index) => atMs - (samples[index]?.atMs ?? 0))),
  ).toBeLessThanOrEqual(recorder.intervalMs);
});

test('a peak survives, and what grows is as it was at the end', () => {
  const recorder = new TimelineRecorder();
  for (let at = 0; at < SAMPLES_MAX; at += 1) {
    if (at === 10) recorder.add(sample(at, 300, 7));
    else recorder.add(sample(at, 1, at === 11 ? undefined : 2));
  }
  const [joined] = recorder.timeline.samples.slice(5);
  expect(joined).toEqual({
    atMs: 11,
    processes: { apiserver: { cpuMs: 11, rssBytes: 11, lateMs: 300 } },
    queues: { reflect: 7 },
  });
});
