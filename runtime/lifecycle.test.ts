import { expect, test } from 'vitest';
import { sleep, systemClock } from './clock.ts';
import { type Part, partMadeAtStart, runLifecycle } from './lifecycle.ts';
import { silentLog } from './log.ts';

const deps = { clock: systemClock, log: silentLog };

function part(name: string, trace: string[], more: Partial<Part> = {}): Part {
  return {
    name,
    start: async () => void trace.push(`+${name}`),
    stop: async () => void trace.push(`-${name}`),
    ...more,
  };
}

test('parts start in order and stop in reverse', async () => {
  const trace: string[] = [];
  const stop = new AbortController();
  const last = part('c', trace, { run: async () => stop.abort() });
  await runLifecycle([part('a', trace), part('b', trace), last], deps, stop.signal);
  expect(trace).toEqual(['+a', '+b', '+c', '-c', '-b', '-a']);
});

test('a part can be made of what the part before it has made', async () => {
  const trace: string[] = [];
  const stop = new AbortController();
  const later = partMadeAtStart('b', () => part(`b after ${trace.join()}`, trace, { run: async () => stop.abort() }));
  await runLifecycle([part('a', trace), later], deps, stop.signal);
  expect(trace).toEqual(['+a', '+b after +a', '-b after +a', '-a']);
});

test('a failed start unwinds what had started and is the error', async () => {
  const trace: string[] = [];
  const broken = part('b', trace, { start: () => Promise.reject(new Error('port taken')) });
  await expect(runLifecycle([part('a', trace), broken], deps, new AbortController().signal)).rejects.toThrow(
    'port taken',
  );
  expect(trace).toEqual(['+a', '-a']);
});

test('a part that fails while it runs ends the process', async () => {
  const trace: string[] = [];
  const broken = part('b', trace, { run: () => Promise.reject(new Error('bug')) });
  await expect(runLifecycle([part('a', trace), broken], deps, new AbortController().signal)).rejects.toThrow('bug');
  expect(trace).toEqual(['+a', '+b', '-b', '-a']);
});

test('a part that hangs at its start is named', async () => {
  const hanging: Part = { name: 'slow', start: () => new Promise(() => {}), startDeadlineMs: 5 };
  await expect(runLifecycle([hanging], deps, new AbortController().signal)).rejects.toThrow(/PROCESS_DEADLINE.*slow/);
});

test('a process of many parts that all wait for its end draws no warning of a leak', async () => {
  const warnings: string[] = [];
  const note = ({ name }: Error) => void warnings.push(name);
  process.on('warning', note);
  try {
    const stop = new AbortController();
    const waiting = Array.from({ length: 20 }, (_, at) =>
      part(`${at}`, [], { run: (signal) => sleep(systemClock, 60_000, signal).catch(() => {}) }),
    );
    const last = part('last', [], { run: async () => stop.abort() });
    await runLifecycle([...waiting, last], deps, stop.signal);
    await sleep(systemClock, 0);
  } finally {
    process.off('warning', note);
  }
  expect(warnings).toEqual([]);
});
