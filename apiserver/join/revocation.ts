// Revokes a peer: writes the decision down, forgets what was issued for the peer, and ends it in this process without waiting for the
// folder to be read again. Repeating it finishes what an earlier attempt began. It decides nothing about the other side, which
// keeps what it has of this cluster.

import type { ClusterName } from '../../mesh/model/names.ts';
import type { Log } from '../../runtime/log.ts';
import type { PeerFiles } from '../peers/peer-files.ts';
import type { Invitations } from './invitations.ts';
import { refusal } from './refusal.ts';

export interface RevocationDeps {
  readonly self: ClusterName;
  readonly files: PeerFiles;
  readonly invitations: Pick<Invitations, 'forget'>;
  readonly peers: {
    readonly names: ReadonlySet<ClusterName>;
    revoke(peer: ClusterName): Promise<void>;
  };
  readonly log: Log;
}

/** Fields are only added. */
export interface RevocationDocument {
  readonly peer: string;
  readonly state: 'planned' | 'revoked';
  /** False where it was revoked before. */
  readonly changed: boolean;
  /** Files that remember it; empty for a plan. */
  readonly kept: readonly string[];
}

export async function revokePeer(
  { self, files, invitations, peers, log }: RevocationDeps,
  peer: ClusterName,
  dryRun: boolean,
): Promise<RevocationDocument> {
  const changed = !(await files.isRevoked(peer));
  if (changed) {
    if (!peers.names.has(peer)) throw refusal('JOIN_NOT_A_PEER', peer, `${peer} is no peer of ${self}`);
    await files.assertJoined(peer);
  }
  if (dryRun) return { peer, state: 'planned', changed, kept: [] };
  const kept = await files.revoke(peer);
  await peers.revoke(peer);
  await invitations.forget(peer);
  log.warn('peer revoked', { peer, changed });
  return { peer, state: 'revoked', changed, kept };
}
