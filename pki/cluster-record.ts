// Whose folder of credentials this is. A name and an id are for life, and certificates carry the name: a second cluster in the
// same folder would share its authority, and each could pass for the other.

import { type ClusterName, parseClusterName } from '../mesh/model/names.ts';
import { decodeObject } from '../mesh/wire/json.ts';
import { OperationalError } from '../runtime/errors.ts';
import { readIfPresent, writePublic } from './files.ts';
import type { ClusterLayout } from './layout.ts';

export interface ClusterRecord {
  readonly cluster: ClusterName;
  /** Absent where nobody has said it yet. */
  readonly id?: number;
  /** How long leaves live; absent in folders that were made before it was kept. */
  readonly leafLifeMs?: number;
}

const BYTES_MAX = 4 * 1024;

/** `undefined` when there is none; throws PKI_CLUSTER_RECORD when it cannot be read. */
export async function readClusterRecord({ record: path }: ClusterLayout): Promise<ClusterRecord | undefined> {
  const text = await readIfPresent(path);
  if (text === undefined) return undefined;
  const read = decodeObject(Buffer.from(text), BYTES_MAX);
  if (!read.ok) throw refused(path, read.error, REPAIR);
  const { cluster, id, leafLifeMs } = read.value;
  const name = parseClusterName(typeof cluster === 'string' ? cluster : '');
  if (!name.ok) throw refused(path, `cluster: ${name.error}`, REPAIR);
  return {
    cluster: name.value,
    ...(typeof id === 'number' ? { id } : {}),
    ...(typeof leafLifeMs === 'number' && leafLifeMs > 0 ? { leafLifeMs } : {}),
  };
}

/** What the record is to be; throws PKI_CLUSTER_RECORD where the folder is another cluster's. */
export function settledRecord(
  layout: ClusterLayout,
  known: ClusterRecord | undefined,
  wanted: ClusterRecord,
): ClusterRecord {
  if (known === undefined) return wanted;
  if (known.cluster !== wanted.cluster) {
    throw refused(layout.record, `the folder belongs to cluster ${known.cluster}, not ${wanted.cluster}`, OWN_FOLDER);
  }
  if (known.id !== undefined && wanted.id !== undefined && known.id !== wanted.id) {
    throw refused(layout.record, `cluster ${known.cluster} has the id ${known.id}, not ${wanted.id}`, ID_FOR_LIFE);
  }
  return { ...known, ...wanted };
}

/** What is new in a record, for people; empty when nothing is. */
export function recordChanges(known: ClusterRecord | undefined, record: ClusterRecord): readonly string[] {
  if (known === undefined) return ['whose folder this is'];
  const hours = record.leafLifeMs === undefined ? undefined : record.leafLifeMs / 3_600_000;
  return [
    ...(known.id === record.id ? [] : [`id ${record.id}`]),
    ...(known.leafLifeMs === record.leafLifeMs ? [] : [`certificates live ${hours} h`]),
  ];
}

export const writeClusterRecord = ({ record }: ClusterLayout, value: ClusterRecord): Promise<void> =>
  writePublic(record, `${JSON.stringify(value)}\n`);

const REPAIR = 'restore it from a backup, or write {"cluster": "NAME"} into it, with the name of the cluster';
const OWN_FOLDER = 'give each cluster a folder of its own';
const ID_FOR_LIFE = 'identities of pods are numbered by the id: it is never changed while the cluster lives';

const refused = (subject: string, reason: string, hint: string): OperationalError =>
  new OperationalError({ code: 'PKI_CLUSTER_RECORD', operation: 'open credentials', subject, reason, hint });
