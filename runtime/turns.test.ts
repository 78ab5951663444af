import { expect, test } from 'vitest';
import { Turns } from './turns.ts';

/** Says in which turn each piece was called. Time passes only while pieces run, and while others have their turn. */
function calls(shareMsMax?: number) {
  let ms = 0;
  const due: (() => void)[] = [];
  const after = (_delayMs: number, task: () => void) => {
    due.push(task);
    return () => {};
  };
  const turns = new Turns({ now: () => ms, monotonic: () => ms, after }, shareMsMax);
  const called: string[] = [];
  let turn = 0;
  const run = (name: string, lastsMs: number) => {
    called.push(`${name} in ${turn}`);
    ms += lastsMs;
  };
  const take = (name: string, lastsMs: number, then = () => {}) =>
    turns.take(() => {
      run(name, lastsMs);
      then();
    });
  const nextTurn = (othersMs = 0) => {
    turn += 1;
    ms += othersMs;
    for (const task of due.splice(0)) task();
  };
  return { turns, called, run, take, nextTurn };
}

test('little work is done at once', () => {
  const { called, take } = calls();
  for (const name of ['a', 'b', 'c']) take(name, 0);
  expect(called).toEqual(['a in 0', 'b in 0', 'c in 0']);
});

test('what is asked for by a piece comes after it, and after whoever asked before', () => {
  const { called, take } = calls();
  take('a', 0, () => take('b', 0, () => take('d', 0)));
  take('c', 0);
  expect(called).toEqual(['a in 0', 'b in 0', 'd in 0', 'c in 0']);
});

test('much work is spread over turns, in the order in which it was asked for', () => {
  const { called, take, nextTurn } = calls();
  take('a', 5, () => take('c', 5));
  take('b', 5);
  take('d', 0);
  expect(called).toEqual(['a in 0', 'c in 0']);
  nextTurn();
  expect(called.slice(2)).toEqual(['b in 1', 'd in 1']);
});

test('where everything else makes turns long, pieces have less of them, and go on', () => {
  const { called, take, nextTurn } = calls();
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) take(name, 4);
  expect(called).toEqual(['a in 0', 'b in 0']);
  nextTurn(40);
  expect(called.slice(2)).toEqual(['c in 1']);
  nextTurn();
  expect(called.slice(3)).toEqual(['d in 2', 'e in 2']);
});

test('a share of its own is enough for little, and no turn has more of it', () => {
  const { called, take, nextTurn } = calls(3);
  for (const name of ['a', 'b', 'c']) take(name, 2);
  expect(called).toEqual(['a in 0', 'b in 0']);
  nextTurn();
  expect(called.slice(2)).toEqual(['c in 1']);
});

test('work that yields leaves others their pieces in between, and resolves with what it returns', async () => {
  const { turns, called, run, take, nextTurn } = calls();
  function* work() {
    for (const name of ['one', 'two', 'three']) {
      run(name, 5);
      yield;
    }
    return 'all';
  }
  const result = turns.all(work());
  take('a', 0);
  expect(called).toEqual(['one in 0', 'two in 0']);
  nextTurn();
  expect(called.slice(2)).toEqual(['three in 1', 'a in 1']);
  await expect(result).resolves.toBe('all');
});

test('work that throws rejects, and leaves others their pieces', async () => {
  const { turns, called, take } = calls();
  const work: Iterator<undefined, never> = {
    next() {
      throw new Error('a bug');
    },
  };
  await expect(turns.all(work)).rejects.toThrow('a bug');
  take('a', 0);
  expect(called).toEqual(['a in 0']);
});
