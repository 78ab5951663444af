// A lease's holder must stop before etcd lets another one in: the deadline counts from when a renewal was sent.

import { expect, test } from 'vitest';
import { ManualClock } from '../../runtime/manual-clock.ts';
import { HeldLease } from './lease.ts';

function hold(ttlMs = 3000) {
  const clock = new ManualClock();
  const sent: number[] = [];
  const told: string[] = [];
  let connected = true;
  const lease = new HeldLease({
    id: '7',
    ttlMs,
    clock,
    renew: () => {
      if (connected) sent.push(clock.monotonic());
      return connected;
    },
    revoke: async () => {},
    onReleased: () => told.push('released'),
    onLost: (reason) => told.push(reason),
  });
  lease.renewed(clock.monotonic());
  const disconnect = (): void => {
    connected = false;
  };
  return { clock, lease, sent, told, disconnect };
}

test('is renewed three times per time to live', () => {
  const { clock, lease, sent } = hold();
  for (let second = 0; second < 4; second++) {
    clock.advance(1000);
    lease.answered(3);
  }
  expect(sent).toEqual([1000, 2000, 3000, 4000]);
  expect(lease.lost.aborted).toBe(false);
});

test('without answers, is lost before its time to live has passed', () => {
  const { clock, lease, told } = hold();
  clock.advance(2399);
  expect(lease.lost.aborted).toBe(false);
  clock.advance(1);
  expect(lease.lost.reason).toMatchObject({ code: 'STORE_LEASE_LOST', reason: 'not renewed in time' });
  expect(told).toEqual(['not renewed in time', 'released']);
});

test('a late answer extends it from when the renewal was sent, not from when the answer came', () => {
  const { clock, lease } = hold();
  clock.advance(1000);
  clock.advance(1300);
  lease.answered(3); // to what was sent at 1000
  clock.advance(1000 + 2400 - 2300 - 1);
  expect(lease.lost.aborted).toBe(false);
  clock.advance(1);
  expect(lease.lost.aborted).toBe(true);
});

test('answers that a broken stream swallowed do not count for later ones', () => {
  const { clock, lease, sent } = hold();
  clock.advance(1000);
  lease.forgetUnanswered();
  lease.renewNow();
  clock.advance(500);
  lease.renewNow();
  lease.answered(3); // to the second renewal at 1000
  expect(sent).toEqual([1000, 1000, 1500]);
  clock.advance(1899);
  expect(lease.lost.aborted).toBe(false);
  clock.advance(1);
  expect(lease.lost.aborted).toBe(true);
});

test('is lost at once when etcd no longer knows it', () => {
  const { clock, lease } = hold();
  clock.advance(1000);
  lease.answered(0);
  expect(lease.lost.reason).toMatchObject({ reason: 'etcd no longer knows it' });
});

test('abandoned, it is renewed no more and is lost in its time', () => {
  const { clock, lease, sent } = hold();
  lease.abandon();
  clock.advance(2399);
  expect(sent).toEqual([]);
  expect(lease.lost.aborted).toBe(false);
  clock.advance(1);
  expect(lease.lost.aborted).toBe(true);
});

test('a long time to live keeps a margin of seconds, not of minutes', () => {
  const { clock, lease, disconnect } = hold(900_000);
  disconnect();
  clock.advance(894_999);
  expect(lease.lost.aborted).toBe(false);
  clock.advance(1);
  expect(lease.lost.aborted).toBe(true);
});
