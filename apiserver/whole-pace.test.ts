import { describe, expect, test } from 'vitest';
import type { ServiceKey } from '../mesh/model/names.ts';
import { ManualClock } from '../runtime/manual-clock.ts';
import { AT_ONCE_BACKENDS_MAX, WholePace } from './whole-pace.ts';

const LARGE = 5_000;

function started() {
  const clock = new ManualClock();
  const due: string[] = [];
  const pace = new WholePace({ clock, onDue: (service) => due.push(service) });
  const mayWrite = (backends: number, service = 'shop/cart') => pace.mayWrite(service as ServiceKey, backends);
  return { clock, due, pace, mayWrite };
}

describe('a large service', () => {
  test('is written at once after a pause, and then no more often than its size allows', () => {
    const { clock, due, pace, mayWrite } = started();
    expect(mayWrite(LARGE)).toBe(true);
    const written: number[] = [];
    for (let at = 0; at < 20_000; at += 100) {
      clock.advance(100);
      if (mayWrite(LARGE)) written.push(clock.monotonic());
    }
    expect(written).toEqual([5_000, 10_000, 15_000, 20_000]);
    expect([due, pace.waiting]).toEqual([['shop/cart', 'shop/cart', 'shop/cart', 'shop/cart'], 0]);
    clock.advance(60_000);
    expect(mayWrite(LARGE)).toBe(true);
  });

  test('is never late by more than that, also when the last change is followed by none', () => {
    const { clock, due, pace, mayWrite } = started();
    mayWrite(LARGE);
    clock.advance(1);
    expect([mayWrite(LARGE), mayWrite(LARGE), pace.waiting]).toEqual([false, false, 1]);
    clock.advance(4_998);
    expect(due).toEqual([]);
    clock.advance(1);
    expect([due, pace.waiting]).toEqual([['shop/cart'], 0]);
    expect(mayWrite(LARGE)).toBe(true);
  });

  test.each([
    ['removed', 0],
    ['small', AT_ONCE_BACKENDS_MAX],
  ])('does not wait once it is %s', (_, backends) => {
    const { clock, due, pace, mayWrite } = started();
    mayWrite(LARGE);
    expect(mayWrite(LARGE)).toBe(false);
    expect([mayWrite(backends), pace.waiting]).toEqual([true, 0]);
    clock.advance(60_000);
    expect(due).toEqual([]);
  });

  test('keeps no other waiting, and nobody is called after the end', () => {
    const { clock, due, pace, mayWrite } = started();
    mayWrite(LARGE);
    expect([mayWrite(LARGE), mayWrite(LARGE, 'shop/other')]).toEqual([false, true]);
    pace.stop();
    clock.advance(60_000);
    expect(due).toEqual([]);
  });
});

test('small services never wait', () => {
  const { mayWrite } = started();
  for (let times = 0; times < 5; times += 1) expect(mayWrite(AT_ONCE_BACKENDS_MAX)).toBe(true);
});
