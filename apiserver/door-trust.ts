// Which trust store the door checks a client against: the own authority for the own cluster's clients, and for each peer the
// files bound to that peer alone. The handshake accepts the union; the binding is checked for every client afterwards.

import type { ClusterName } from '../mesh/model/names.ts';
import type { TlsFilesFollower } from '../runtime/tls/tls-files.ts';
import type { PeerSet } from './peers/peer-set.ts';
import type { PeerSpec } from './peers/peer-spec.ts';

export interface DoorTrustDeps {
  /** The door's files; the peers' CA files come beside its own. */
  readonly tls: TlsFilesFollower;
  readonly ownCa: readonly string[];
  readonly peers: Pick<PeerSet, 'spec' | 'specs'>;
}

export interface DoorTrust {
  /** PEM texts; `undefined` for a cluster that is no peer. */
  storeOf(cluster: ClusterName): readonly string[] | undefined;
  readonly own: readonly string[];
  /** The set of peers may have changed. Called with each change of each link: where it has not, nothing is compared. */
  refresh(): Promise<void>;
}

export function doorTrust({ tls, ownCa, peers }: DoorTrustDeps): DoorTrust {
  const texts = (paths: readonly string[]) => paths.flatMap((path) => tls.caText(path) ?? []);
  let specs: readonly PeerSpec[] = [];
  let paths: readonly string[] = [];
  return {
    storeOf(cluster) {
      const spec = peers.spec(cluster);
      return spec === undefined ? undefined : texts(spec.ca);
    },
    get own() {
      return texts(ownCa);
    },
    refresh() {
      if (specs !== peers.specs) {
        specs = peers.specs;
        paths = specs.flatMap(({ ca }) => ca);
      }
      return tls.setFurtherCa(paths);
    },
  };
}
