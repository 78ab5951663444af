// 64-bit integers of the wire to what this program counts with. Revisions become numbers, and a value that a number cannot
// hold exactly is refused rather than rounded; ids (leases, clusters) stay text and lose nothing.

import protobuf from 'protobufjs/minimal.js';
import { type Int64, safeNumberOf } from '../../mesh/wire/int64.ts';
import type { messages } from './etcd-wire.ts';
import { Meanings, storeFailure } from './failures.ts';

type WireInt64 = messages.KeyValue['lease'];

const bigOf = (value: Int64 | null | undefined): bigint => {
  if (value === null || value === undefined) return 0n;
  if (typeof value === 'number') return BigInt(value);
  return (BigInt(value.high >>> 0) << 32n) | BigInt(value.low >>> 0);
};

/** A revision, version, size or count: never negative. */
export function exactNumber(value: Int64 | null | undefined): number {
  const number = safeNumberOf(value ?? 0);
  if (number !== undefined) return number;
  throw storeFailure(Meanings.failed, {
    operation: 'read number from etcd',
    subject: BigInt.asIntN(64, bigOf(value)).toString(),
    reason: 'not between 0 and 2^53 - 1: no healthy etcd counts that far',
  });
}

/** -1 stands for "no watch" in answers, so this one may be negative. */
export function watchIdOf(value: Int64 | null | undefined): number {
  return Number(BigInt.asIntN(64, bigOf(value)));
}

/** A lease id as decimal text. */
export function decimalOf(value: Int64 | null | undefined): string {
  if (value === 0) return '0';
  return BigInt.asIntN(64, bigOf(value)).toString();
}

/** An etcd cluster id as etcdctl prints it in hexadecimal: 16 digits. */
export function storeIdOf(value: Int64 | null | undefined): string {
  return BigInt.asUintN(64, bigOf(value)).toString(16).padStart(16, '0');
}

/** Decimal text to what the codecs take: at run time protobufjs makes the `Long` that the generated types name. */
export function int64Of(decimal: string): WireInt64 {
  return protobuf.util.LongBits.from(decimal).toLong(false) as WireInt64;
}
