// What `/v1/trust` says: the authorities that this cluster announces, of each peer which bundle of the other side is in use, in both
// directions, and what each agent shows and accepts. Fields are only added.

import { compareText } from '../../mesh/conflict/order.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import type { AgentTrust } from '../../mesh/wire/agent-trust.ts';
import type { TrustBundle } from '../../mesh/wire/trust-bundle.ts';
import { spkiPins } from '../../pki/spki.ts';
import { certificatesOf } from '../../runtime/tls/pem.ts';
import type { PeerBundleState } from './peer-bundles.ts';

export interface TrustDocument {
  readonly schema_version: 1;
  readonly cluster: string;
  /** What is announced; null before the first time. */
  readonly bundle: {
    readonly sequence: number;
    readonly refresh_hint_seconds: number;
    readonly pins: readonly string[];
  } | null;
  /** The certificates that this server shows, by the connection: SHA-256 in hex with colons. */
  readonly certificates: readonly { readonly part: string; readonly fingerprint: string }[];
  readonly peers: readonly PeerTrustEntry[];
  /** Those that are connected to this server. */
  readonly agents: readonly AgentTrustEntry[];
}

/** SHA-256 of certificates in hex with colons; null where an agent of before does not say. */
export interface AgentTrustEntry {
  readonly node: string;
  readonly certificate: string | null;
  readonly authorities: readonly string[] | null;
}

export interface PeerTrustEntry {
  readonly name: string;
  /** What it announces; null where it announces nothing that can be read. */
  readonly announced: { readonly sequence: number; readonly pins: readonly string[] } | null;
  /** The sequence of its bundle that is in use here. */
  readonly taken: number | null;
  /** The sequence of this cluster's bundle that is in use there, as it says. */
  readonly acknowledged: number | null;
  /** What is announced here is in use there. */
  readonly current: boolean;
  /** What this server has shown at its door, on the connection in use; null where there is none. */
  readonly shown: string | null;
  /** Why what it announces is not in use here; null where it is. */
  readonly refusal: string | null;
}

export interface TrustParts {
  readonly cluster: ClusterName;
  readonly bundle: TrustBundle | undefined;
  /** PEM of what is shown, by the connection. */
  readonly certificates: Readonly<Record<string, string>>;
  readonly peers: readonly { readonly name: ClusterName; readonly shown?: string | undefined }[];
  readonly states: ReadonlyMap<ClusterName, PeerBundleState>;
  readonly agents: readonly AgentSaying[];
}

/** What is known of an agent, as far as it matters here. */
export interface AgentSaying {
  readonly node: string;
  readonly connected: boolean;
  readonly trust: AgentTrust | undefined;
}

export function trustDocument({ cluster, bundle, certificates, peers, states, agents }: TrustParts): TrustDocument {
  return {
    schema_version: 1,
    cluster,
    bundle:
      bundle === undefined
        ? null
        : {
            sequence: bundle.sequence,
            refresh_hint_seconds: bundle.refreshHintSeconds,
            pins: spkiPins(bundle.anchors),
          },
    certificates: Object.entries(certificates).map(([part, pem]) => ({
      part,
      fingerprint: certificatesOf(pem)[0]?.fingerprint256 ?? '',
    })),
    peers: [...peers]
      .sort((a, b) => compareText(a.name, b.name))
      .map(({ name, shown }): PeerTrustEntry => {
        const { announced, taken, acknowledged, refusal } = states.get(name) ?? {};
        return {
          name,
          announced: announced ?? null,
          taken: taken ?? null,
          acknowledged: acknowledged ?? null,
          current: bundle !== undefined && acknowledged === bundle.sequence,
          shown: shown ?? null,
          refusal: refusal?.reason ?? null,
        };
      }),
    agents: agents
      .filter(({ connected }) => connected)
      .map(({ node, trust }) => ({
        node,
        certificate: trust?.certificate ?? null,
        authorities: trust?.authorities ?? null,
      })),
  };
}
