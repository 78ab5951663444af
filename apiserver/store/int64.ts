// 64-bit integers of the wire to what this program counts with. Revisions become numbers, and a value that a number cannot
// hold exactly is refused rather than rounded; ids (leases, clusters) stay text and lose nothing.

import protobuf from 'protobufjs/minimal.js';
import type { messages } from './etcd-wire.ts';
import { Meanings, storeFailure } from './failures.ts';

/** What the static codecs give and take for int64 and uint64; structural, so that no copy of `long` need be imported. */
export type Int64 = number | { readonly low: number; readonly high: number; readonly unsigned: boolean };
type WireInt64 = messages.KeyValue['lease'];

const INT32_MAX = 0x7fff_ffff;

const bigOf = (value: Int64 | null | undefined): bigint => {
  if (value === null || value === undefined) return 0n;
  if (typeof value === 'number') return BigInt(value);
  return (BigInt(value.high >>> 0) << 32n) | BigInt(value.low >>> 0);
};

/**
 * A revision, version, size or count: never negative. What fits into 31 bits is given as it is: V8 keeps the result of a calculation
 * as a double, which takes 16 bytes of their own in every entry that has it, three times.
 */
export function exactNumber(value: Int64 | null | undefined): number {
  if (typeof value === 'number' && value >= 0 && value <= INT32_MAX) return value | 0;
  if (typeof value === 'object' && value !== null && value.high === 0 && value.low >= 0) return value.low;
  if (typeof value === 'object' && value !== null && value.high >= 0 && value.high < 0x200000) {
    return value.high * 0x1_0000_0000 + (value.low >>> 0);
  }
  const big = BigInt.asIntN(64, bigOf(value));
  if (big < 0n || big > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw storeFailure(Meanings.failed, {
      operation: 'read number from etcd',
      subject: big.toString(),
      reason: 'not between 0 and 2^53 - 1: no healthy etcd counts that far',
    });
  }
  return Number(big);
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
