import { expect, test } from 'vitest';
import { ManualClock } from './manual-clock.ts';
import { Turns } from './turns.ts';

/** Says in which turn each piece was called. */
function calls() {
  const clock = new ManualClock();
  const turns = new Turns(clock);
  const called: string[] = [];
  let turn = 0;
  const take = (name: string, lastsMs: number, then = () => {}) =>
    turns.take(() => {
      called.push(`${name} in ${turn}`);
      clock.advance(lastsMs);
      then();
    });
  const nextTurn = () => {
    turn += 1;
    clock.advance(0);
  };
  return { called, take, nextTurn };
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
