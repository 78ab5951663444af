// Reads a folder that describes a mesh (docs/diagnose.md) into the same evaluation that a running API server keeps: one folder a
// cluster, each optional file a fact. Reads only; needs no root, no etcd and no kernel.

import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MeshEvaluation } from '../../mesh/conflict/evaluation.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import { OperationalError, reasonOf } from '../../runtime/errors.ts';
import { type OfflineCluster, readCluster } from './read-cluster.ts';

export interface OfflineMesh {
  readonly evaluation: MeshEvaluation;
  readonly clusters: ReadonlyMap<ClusterName, OfflineCluster>;
}

/** Rejects with OFFLINE_FOLDER where there is nothing to evaluate. */
export async function readMesh(folder: string, now: number): Promise<OfflineMesh> {
  const names = await clusterFolders(folder);
  if (names.length === 0) throw nothingThere(folder, 'it holds no folder of a cluster');
  const local = await localName(folder);
  const evaluation = new MeshEvaluation(local);
  const clusters = new Map<ClusterName, OfflineCluster>();
  for (const name of names) {
    const cluster = await readCluster(join(folder, name), name, now, (key, bytes) => evaluation.put(name, key, bytes));
    evaluation.declare(name, cluster.declarations);
    // Cluster by cluster, so that what is only noted until then never is all of the mesh; the result is the same.
    evaluation.settle(now);
    clusters.set(name, cluster);
  }
  if (local !== undefined && !clusters.has(local)) {
    const reason = 'names the local cluster, of which there is no folder';
    const problems = [{ severity: 'error', key: 'local', field: '', value: local, reason }] as const;
    evaluation.declare(local, { problems });
  }
  evaluation.settle(now);
  return { evaluation, clusters };
}

/** In name order. What starts with a dot belongs to tools. A name that is none is judged with the cluster. */
async function clusterFolders(folder: string): Promise<readonly ClusterName[]> {
  try {
    const entries = await readdir(folder);
    const names: ClusterName[] = [];
    for (const entry of entries.sort()) {
      if (!entry.startsWith('.') && (await stat(join(folder, entry))).isDirectory()) names.push(entry as ClusterName);
    }
    return names;
  } catch (cause) {
    throw nothingThere(folder, reasonOf(cause), cause);
  }
}

async function localName(folder: string): Promise<ClusterName | undefined> {
  try {
    const name = (await readFile(join(folder, 'local'), 'utf8')).trim();
    return name === '' ? undefined : (name as ClusterName);
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'EISDIR'))
      return undefined;
    throw nothingThere(join(folder, 'local'), reasonOf(cause), cause);
  }
}

const nothingThere = (subject: string, reason: string, cause?: unknown): OperationalError =>
  new OperationalError({
    code: 'OFFLINE_FOLDER',
    operation: 'read mesh from folder',
    subject,
    reason,
    hint: 'give a folder with one folder per cluster, which holds card.json or state.jsonl',
    cause,
  });
