// What `/v1/peers` says: every peer in both directions, with the keys that are trusted for it. Fields are only added.

import type { ClusterName } from '../../mesh/model/names.ts';
import { spkiPin } from '../../pki/spki.ts';
import { reasonOf } from '../../runtime/errors.ts';
import { certificatesOf } from '../../runtime/tls/pem.ts';
import type { DoorClientState } from '../door/clients.ts';
import type { PeerSpec } from './peer-spec.ts';
import type { PeerLinkState } from './port.ts';

export interface PeersDocument {
  readonly schema_version: 1;
  readonly cluster: string;
  readonly peers: readonly PeerEntry[];
  /** Who was revoked, and stays away until a person takes that back. */
  readonly revoked: readonly string[];
}

export interface PeerEntry {
  readonly name: string;
  readonly plain: boolean;
  /** Our link to its door. */
  readonly outbound: {
    readonly phase: string;
    readonly endpoints: readonly string[];
    readonly freshness: string;
    readonly synced: boolean;
    /** Since its last heartbeat; null when none was heard. */
    readonly age_ms: number | null;
    readonly last_error: string | null;
  };
  /** Its connections to our door. */
  readonly inbound: { readonly connected: boolean; readonly calls: number; readonly watches: number };
  readonly trust: {
    readonly files: readonly string[];
    readonly authorities: readonly {
      readonly subject: string;
      readonly spki_pin: string;
      /** RFC 3339 UTC. */
      readonly valid_to: string;
    }[];
    /** Why the trust store cannot be read; null when it can. */
    readonly problem: string | null;
  };
}

export interface PeersParts {
  readonly cluster: ClusterName;
  readonly specs: readonly PeerSpec[];
  readonly states: readonly PeerLinkState[];
  readonly revoked: ReadonlySet<ClusterName>;
  readonly clients: readonly DoorClientState[];
  /** PEM texts of a peer's trust store, as they are in use. */
  readonly storeOf: (peer: ClusterName) => readonly string[] | undefined;
}

export function peersDocument({ cluster, specs, states, revoked, clients, storeOf }: PeersParts): PeersDocument {
  const peers = states.map((state): PeerEntry => {
    const inbound = clients.filter(({ kind, cluster: from }) => kind === 'peer' && from === state.name);
    const sum = (count: (client: DoorClientState) => number) => inbound.reduce((total, each) => total + count(each), 0);
    return {
      name: state.name,
      plain: state.plain,
      outbound: {
        phase: state.phase,
        endpoints: state.endpoints,
        freshness: state.freshness,
        synced: state.synced,
        age_ms: state.heartbeatAgeMs === undefined ? null : Math.round(state.heartbeatAgeMs),
        last_error: state.lastError ?? null,
      },
      inbound: {
        connected: inbound.length > 0,
        calls: sum(({ calls }) => calls),
        watches: sum(({ watches }) => watches),
      },
      trust: trustOf(specs.find(({ name }) => name === state.name)?.ca ?? [], storeOf(state.name) ?? []),
    };
  });
  return {
    schema_version: 1,
    cluster,
    peers: peers.sort((a, b) => (a.name < b.name ? -1 : 1)),
    revoked: [...revoked].sort(),
  };
}

function trustOf(files: readonly string[], texts: readonly string[]): PeerEntry['trust'] {
  try {
    const authorities = texts.flatMap(certificatesOf).map((certificate) => ({
      subject: certificate.subject.split('\n').join(', '),
      spki_pin: spkiPin(certificate),
      valid_to: new Date(certificate.validTo).toISOString(),
    }));
    return { files, authorities, problem: authorities.length === 0 ? 'no authority has been read' : null };
  } catch (error) {
    return { files, authorities: [], problem: reasonOf(error) };
  }
}
