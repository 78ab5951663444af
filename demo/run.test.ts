import { describe, expect, test } from 'vitest';
import { LabMesh } from '../lab/mesh.ts';
import { systemClock } from '../runtime/clock.ts';
import { OperationalError } from '../runtime/errors.ts';
import { trailingRun } from './request-evidence.ts';
import { runSteps } from './run.ts';
import { Screen } from './screen.ts';
import { Stage } from './stage.ts';
import type { Step, StepOutcome } from './step.ts';

const screen = new Screen({ quiet: true, stepsTotal: 3 });
const stageWith = (signal = new AbortController().signal) =>
  new Stage({
    mesh: new LabMesh({ datapath: 'memory', clock: systemClock, folder: '/nonexistent' }),
    clock: systemClock,
    signal,
    rate: 1,
    onProgress: () => {},
  });
const watched = (stage: Stage) => {
  const sample = async () => ({ requests: 0, failed: 0, errors: {}, byCluster: {} });
  stage.putEvidence({
    kind: 'programmed',
    unit: 'programmed backends',
    now: () => 0,
    untilServed: async () => 0,
    untilOnly: async () => 0,
    hasServed: async () => false,
    sample,
    seen: sample,
    stop: async () => {},
  });
  return stage;
};
const outcome = (...problems: string[]): StepOutcome => ({ problems, figures: {}, lines: [] });
const step = (name: string, run: Step['run']): Step => ({ name, title: name, run });

describe('the steps of the demo', () => {
  test('a failed step is reported, and the next ones are shown all the same', async () => {
    const broken = new OperationalError({ code: 'X', operation: 'start', subject: 'etcd', reason: 'no', hint: 'look' });
    const { reports, complete } = await runSteps(
      [
        step('good', async () => outcome()),
        step('bad', async () => outcome('nobody answered')),
        step('broken', () => Promise.reject(broken)),
        step('last', async () => outcome()),
      ],
      watched(stageWith()),
      screen,
    );
    expect(complete).toBe(true);
    expect(reports.map(({ name, ok, problems }) => [name, ok, problems])).toEqual([
      ['good', true, []],
      ['bad', false, ['nobody answered']],
      ['broken', false, ['[X] start etcd: no (look)']],
      ['last', true, []],
    ]);
  });

  test('nothing is shown on what could not be put up', async () => {
    const { reports, complete } = await runSteps(
      [step('mesh', async () => outcome('no etcd')), step('next', async () => outcome())],
      stageWith(),
      screen,
    );
    expect([reports.length, complete]).toEqual([1, false]);
  });

  test('an interrupted step is no result', async () => {
    const stop = new AbortController();
    const interrupted = step('long', async ({ signal }) => {
      stop.abort();
      signal.throwIfAborted();
      return outcome();
    });
    expect(await runSteps([interrupted], watched(stageWith(stop.signal)), screen)).toEqual({
      reports: [],
      complete: false,
    });
  });

  test('a bug is not a result either', async () => {
    const bug = step('bug', () => Promise.reject(new TypeError('undefined is not a function')));
    await expect(runSteps([bug], watched(stageWith()), screen)).rejects.toThrow(TypeError);
  });
});

describe('the last results that match', () => {
  const result = (begunAt: number, cluster?: string) =>
    cluster === undefined
      ? { begunAt, endedAt: begunAt, error: 'ECONNREFUSED' }
      : { begunAt, endedAt: begunAt, answer: { cluster, node: '', pod: '' } };
  const isWest = ({ cluster }: { readonly cluster: string }) => cluster === 'west';

  test.each([
    ['all of them', [result(1, 'west'), result(2, 'west')], [1, 2]],
    ['those after another answer', [result(1, 'west'), result(2, 'east'), result(3, 'west')], [3]],
    ['those after a failure', [result(1, 'west'), result(2), result(3, 'west')], [3]],
    ['by their beginning, not their arrival', [result(3, 'west'), result(2, 'east'), result(4, 'west')], [3, 4]],
    ['none', [result(1, 'east')], []],
  ])('are %s', (_, results, expected) => {
    expect(trailingRun(results, isWest).map(({ begunAt }) => begunAt)).toEqual(expected);
  });
});
