import { beforeEach, expect, test } from 'vitest';
import type { ClusterName } from '../../mesh/model/names.ts';
import { ManualClock } from '../../runtime/manual-clock.ts';
import { ReflectionProgress } from './reflection.ts';

const east = 'east' as ClusterName;
const keysOf = (...keys: readonly string[]) => keys.map((key) => ({ key, peer: east }));
let clock: ManualClock;
let seen: number;
let progress: ReflectionProgress;
beforeEach(() => {
  clock = new ManualClock();
  seen = 10;
  progress = new ReflectionProgress({ clock, seen: () => seen });
  progress.begin(true);
});

test('a peer is level when nothing waits, and behind since its oldest change that does', () => {
  expect(progress.of(east)).toEqual({ reflected: 10, lagMs: 0 });
  progress.changed(east, ['a']);
  clock.advance(300);
  progress.changed(east, ['a', 'b']);
  clock.advance(200);
  expect(progress.of(east)?.lagMs).toBe(500);
  progress.takenUp(keysOf('a'));
  progress.written(keysOf('a'));
  expect(progress.of(east)?.lagMs).toBe(200);
  progress.takenUp(keysOf('b'));
  progress.written(keysOf('b'));
  seen = 12;
  expect(progress.of(east)).toEqual({ reflected: 12, lagMs: 0 });
});

test('a change that comes while its key is being written waits on, with its own time', () => {
  progress.changed(east, ['a']);
  clock.advance(100);
  progress.takenUp(keysOf('a'));
  seen = 14;
  progress.changed(east, ['a']);
  clock.advance(50);
  progress.written(keysOf('a'));
  // What was handed on when the write began, up to 10, is written; 14 is not.
  expect(progress.of(east)).toEqual({ reflected: 10, lagMs: 50 });
});

test('what could not be written waits since it was seen first', () => {
  progress.changed(east, ['a']);
  progress.takenUp(keysOf('a'));
  clock.advance(1_000);
  progress.changed(east, ['a']);
  progress.takenUp(keysOf('a'));
  expect(progress.of(east)?.lagMs).toBe(1_000);
  progress.written(keysOf('a'));
  expect(progress.of(east)?.lagMs).toBe(0);
});

test('of a batch of several revisions none counts as reflected while one of its changes waits', () => {
  progress.changed(east, ['a']);
  progress.takenUp(keysOf('a'));
  progress.written(keysOf('a'));
  seen = 20;
  progress.changed(east, ['b', 'c']);
  progress.takenUp(keysOf('b'));
  progress.written(keysOf('b'));
  expect(progress.of(east)?.reflected).toBe(10);
});

test('a replica that does not write has nothing to say', () => {
  progress.changed(east, ['a']);
  progress.begin(false);
  progress.changed(east, ['b']);
  expect(progress.of(east)).toBeUndefined();
  progress.begin(true);
  expect(progress.of(east)).toEqual({ reflected: 10, lagMs: 0 });
});
