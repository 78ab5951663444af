// Gives a cluster its credentials: an authority, and a leaf for each profile and node. Doing it again changes nothing but what
// no longer serves: a leaf that is missing, damaged, near its end, of another authority, or without a name that is wanted.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { ClusterName } from '../mesh/model/names.ts';
import { OperationalError, reasonOf } from '../runtime/errors.ts';
import { type Authority, createAuthority, DAY_MS, openAuthority } from './authority.ts';
import { createPrivate, type Pair, readIfPresent, writePair, writePublic } from './files.ts';
import { issue } from './issue.ts';
import { type ClusterLayout, clusterLayout } from './layout.ts';
import { namesOf, type Profile } from './profiles.ts';
import { urisOf } from './verify.ts';

export interface ClusterCredentials {
  readonly dir: string;
  readonly cluster: ClusterName;
  /** Names of the nodes whose agents get a certificate. */
  readonly nodes: readonly string[];
  /** IP addresses and DNS names by which others reach the listeners. */
  readonly addresses: {
    readonly etcd: readonly string[];
    readonly door: readonly string[];
    readonly rpc: readonly string[];
  };
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** @default AUTHORITY_DAYS */
  readonly authorityDays?: number;
  /** @default LEAF_DAYS */
  readonly leafDays?: number;
}

export interface InitOutcome {
  readonly layout: ClusterLayout;
  /** What was written and why, one line each; empty when everything was in order. */
  readonly written: readonly string[];
}

/** Ten years: replacing a root means touching every peer. */
const AUTHORITY_DAYS = 3650;
/** What is issued here is renewed only by doing it again, so it must last between two visits of a person. */
const LEAF_DAYS = 90;
/** A leaf with less than this share of its life left is issued anew. */
const RENEW_BELOW = 1 / 3;

export async function initCluster(credentials: ClusterCredentials): Promise<InitOutcome> {
  const layout = clusterLayout(credentials.dir);
  const written: string[] = [];
  const authority = await authorityOf(credentials, layout, written);
  for (const wanted of wantedLeaves(credentials, layout)) {
    const reason = await whyIssue(wanted, authority, credentials.now);
    if (reason === undefined) continue;
    const { paths, ...request } = wanted;
    const ttlMs = (credentials.leafDays ?? LEAF_DAYS) * DAY_MS;
    await writePair(paths, await issue({ ...request, authority, now: credentials.now, ttlMs }));
    written.push(`${paths.cert}: ${reason}`);
  }
  return { layout, written };
}

/** Binds the CA of a peer to that peer's name. */
export async function trustPeer(layout: ClusterLayout, peer: ClusterName, caPem: string): Promise<string> {
  const path = layout.trustStore(peer);
  if ((await readIfPresent(path)) !== caPem) await writePublic(path, caPem);
  return path;
}

async function authorityOf(
  { cluster, now, authorityDays = AUTHORITY_DAYS }: ClusterCredentials,
  { authority: paths }: ClusterLayout,
  written: string[],
): Promise<Authority> {
  const [certificate, key] = await Promise.all([readIfPresent(paths.cert), readIfPresent(paths.key)]);
  if (certificate !== undefined && key !== undefined) {
    const authority = { cluster, certificate, key };
    try {
      openAuthority(authority);
    } catch (cause) {
      throw damaged(paths, reasonOf(cause), cause);
    }
    return authority;
  }
  if (certificate !== undefined) throw damaged(paths, 'the certificate is there and the key is missing');
  // A key without a certificate is what a crash between the two writes leaves: the same key signs itself again.
  const authority = await createAuthority({ cluster, now, days: authorityDays, ...(key === undefined ? {} : { key }) });
  if (key === undefined) await createPrivate(paths.key, authority.key);
  await writePublic(paths.cert, authority.certificate);
  written.push(`${paths.cert}: ${key === undefined ? 'new authority' : 'the key had no certificate'}`);
  return authority;
}

function damaged(paths: Pair, reason: string, cause?: unknown): OperationalError {
  return new OperationalError({
    code: 'PKI_AUTHORITY',
    operation: 'open certificate authority',
    subject: paths.cert,
    reason,
    hint: 'restore both files from a backup; a new authority would have to be introduced to every peer',
    cause,
  });
}

interface WantedLeaf {
  readonly paths: Pair;
  readonly profile: Profile;
  readonly node?: string;
  readonly dnsNames: readonly string[];
  readonly ips: readonly string[];
}

function wantedLeaves({ nodes, addresses }: ClusterCredentials, layout: ClusterLayout): readonly WantedLeaf[] {
  const leaf = (profile: Exclude<Profile, 'agent'>, reachedBy: readonly string[] = []) => ({
    paths: layout.leaf(profile),
    profile,
    dnsNames: reachedBy.filter((address) => isIP(address) === 0),
    ips: reachedBy.filter((address) => isIP(address) !== 0),
  });
  return [
    leaf('etcd-server', [...new Set(['127.0.0.1', 'localhost', ...addresses.etcd])]),
    leaf('etcd-client'),
    leaf('door', addresses.door),
    leaf('peer'),
    leaf('rpc', addresses.rpc),
    leaf('admin'),
    ...nodes.map((node) => ({ paths: layout.agent(node), profile: 'agent' as const, node, dnsNames: [], ips: [] })),
  ];
}

/** Why a leaf has to be issued; `undefined` when the one on disk serves. */
async function whyIssue(wanted: WantedLeaf, authority: Authority, now: number): Promise<string | undefined> {
  const [text, key] = await Promise.all([readIfPresent(wanted.paths.cert), readIfPresent(wanted.paths.key)]);
  if (text === undefined || key === undefined) return 'missing';
  try {
    const certificate = new X509Certificate(text);
    const root = new X509Certificate(authority.certificate);
    if (!certificate.checkPrivateKey(createPrivateKey(key))) return 'certificate and key do not belong together';
    if (!certificate.checkIssued(root) || !certificate.verify(root.publicKey)) return 'issued by another authority';
    const [from, to] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
    if (to - now < (to - from) * RENEW_BELOW) return `ends on ${certificate.validTo}`;
    return missingName(certificate, wanted, authority.cluster);
  } catch (error) {
    return `damaged: ${reasonOf(error)}`;
  }
}

function missingName(certificate: X509Certificate, wanted: WantedLeaf, cluster: ClusterName): string | undefined {
  const names = namesOf({ cluster, ...wanted });
  const exactly = { subject: 'never', wildcards: false } as const;
  const dns = [...names.dnsNames, ...wanted.dnsNames].find(
    (name) => certificate.checkHost(name, exactly) === undefined,
  );
  const ip = wanted.ips.find((address) => certificate.checkIP(address) === undefined);
  const uri = names.uri !== undefined && !urisOf(certificate).includes(names.uri) ? names.uri : undefined;
  const missing = dns ?? ip ?? uri;
  return missing === undefined ? undefined : `did not carry ${missing}`;
}
