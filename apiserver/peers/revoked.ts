// How it is remembered that a peer was revoked: its document stands in the watched folder under its name with `.revoked` behind it. Such
// a file is never read as a peer, and no other document of that name counts while it is there; deleting it takes the decision back.

import { basename } from 'node:path';
import { type ClusterName, parseClusterName } from '../../mesh/model/names.ts';

export const REVOKED_SUFFIX = '.revoked';

const REVOKED_DOCUMENT = /\.(ya?ml|json)\.revoked$/;

export const isRevokedDocument = (file: string): boolean => REVOKED_DOCUMENT.test(file);

/** By name alone, so that a damaged file still says it. */
export function revokedPeers(files: Iterable<string>): ReadonlySet<ClusterName> {
  const names = [...files]
    .filter(isRevokedDocument)
    .map((file) => parseClusterName(basename(file).replace(REVOKED_DOCUMENT, '')));
  return new Set(names.flatMap((name) => (name.ok ? [name.value] : [])));
}
