// STABLE: `clustermesh/v1/bundles/<cluster>`, JSON: the authorities that a cluster wants to be known by, as a SPIFFE bundle
// says it (a sequence that only grows, a hint how often to look), and which bundle of each peer it has taken. The card says
// `trust.bundle` where there is one. Strict: a bundle that is not understood as a whole is not taken, and the last good trust
// stays. Whether the certificates are what they should be is for pki/ to say.

import { type ClusterName, parseClusterName } from '../model/names.ts';
import { err, ok, type Result } from '../model/result.ts';
import { decodeShaped, encodeShaped, list, map, object, required, text, whole } from './json-shape.ts';

export interface TrustBundle {
  /** Whose authorities these are. */
  readonly cluster: string;
  /** Grows with every change of the anchors, and never falls. */
  readonly sequence: number;
  readonly refreshHintSeconds: number;
  /** PEM, one certificate each: everybody who may vouch for the cluster, roots and what leads to them. */
  readonly anchors: readonly string[];
  /** By peer: the sequence of its bundle that is in use here. */
  readonly taken: Readonly<Record<string, number>>;
}

export const BUNDLES_PREFIX = 'clustermesh/v1/bundles/';

export const bundleKey = (cluster: ClusterName): string => `${BUNDLES_PREFIX}${cluster}`;

/** Two chains of three, and one that somebody forgot: more vouch for nobody in particular. */
const ANCHORS_MAX = 8;
/** An RSA key of 4096 bits with long names is about 3 KiB. */
const ANCHOR_CHARACTERS_MAX = 8 * 1024;
/** All anchors at their largest, and an entry for each of 511 peers. */
const BYTES_MAX = ANCHORS_MAX * ANCHOR_CHARACTERS_MAX + 64 * 1024;
/** A week: who looks less often than that finds out too late. */
const REFRESH_HINT_SECONDS_MAX = 7 * 24 * 3600;

const SHAPE = object({
  cluster: required(text),
  sequence: required(whole(Number.MAX_SAFE_INTEGER)),
  refreshHintSeconds: required(whole(REFRESH_HINT_SECONDS_MAX)),
  anchors: required(list(text)),
  taken: required(map(whole(Number.MAX_SAFE_INTEGER))),
});

/** As OpenSSL and Node write it, so that what is compared as text is equal where it is the same. */
const ANCHOR = /^-----BEGIN CERTIFICATE-----\n(?:[A-Za-z0-9+/=]{1,64}\n)+-----END CERTIFICATE-----\n$/;

export const encodeTrustBundle = (bundle: TrustBundle): Uint8Array => encodeShaped(bundle, SHAPE);

export function decodeTrustBundle(bytes: Uint8Array): Result<TrustBundle, string> {
  const read = decodeShaped(bytes, SHAPE, BYTES_MAX);
  if (!read.ok) return read;
  const bundle = read.value as unknown as TrustBundle;
  const problem = problemOf(bundle);
  return problem === undefined ? ok(bundle) : err(problem);
}

function problemOf({ cluster, sequence, anchors, taken }: TrustBundle): string | undefined {
  const name = parseClusterName(cluster);
  if (!name.ok) return `cluster: ${name.error}`;
  if (sequence === 0) return 'sequence is 0';
  if (anchors.length === 0) return 'anchors is empty';
  if (anchors.length > ANCHORS_MAX) return `anchors has ${anchors.length} entries, more than ${ANCHORS_MAX}`;
  const broken = anchors.findIndex((anchor) => anchor.length > ANCHOR_CHARACTERS_MAX || !ANCHOR.test(anchor));
  if (broken >= 0) return `anchors[${broken}] is not the PEM text of one certificate`;
  const stranger = Object.keys(taken).find((peer) => !parseClusterName(peer).ok);
  return stranger === undefined ? undefined : 'taken names something that is no cluster';
}

/** What `bundle` says of the bundle of `cluster`; undefined where it has taken none. */
export const takenOf = ({ taken }: TrustBundle, cluster: ClusterName): number | undefined =>
  Object.hasOwn(taken, cluster) ? taken[cluster] : undefined;
