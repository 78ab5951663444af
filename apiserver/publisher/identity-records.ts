// The two records of an identity's allocation, as they stand in etcd. The one by number is mesh/wire/identity-allocation.ts.

import { createHash } from 'node:crypto';
import type { NumericIdentity } from '../../mesh/model/names.ts';
import { parseIdentityNumber } from '../../mesh/wire/identity.ts';
import { parseIdentityAllocationKey } from '../../mesh/wire/identity-allocation.ts';
import { decodeText } from '../../mesh/wire/json.ts';
import { VALUE_BYTES_MAX } from '../../mesh/wire/record.ts';
import type { KeyValue } from '../store/port.ts';

/** STABLE: `clustermesh/v1/identity-labels/<sha256 of the label text, hex>` holds the number. Not visible to peers. */
export const IDENTITY_LABELS_PREFIX = 'clustermesh/v1/identity-labels/';

export const identityLabelsKey = (labels: string): string =>
  IDENTITY_LABELS_PREFIX + createHash('sha256').update(labels).digest('hex');

export function readLabelsNumber({ value }: KeyValue): NumericIdentity | undefined {
  const text = decodeText(value, VALUE_BYTES_MAX);
  return text.ok ? (parseIdentityNumber(text.value) as NumericIdentity | undefined) : undefined;
}

export interface AllocationRecord {
  readonly number: NumericIdentity;
  readonly labels: string;
}

export function readAllocation({ key, value }: KeyValue): AllocationRecord | undefined {
  const number = parseIdentityAllocationKey(key);
  const labels = decodeText(value, VALUE_BYTES_MAX);
  return number === undefined || !labels.ok ? undefined : { number: number as NumericIdentity, labels: labels.value };
}
