// Gives a cluster its credentials: an authority, and a leaf for each profile and node. First it is decided what to do, then it is
// done; the plan alone is what `--dry-run` shows. Doing it again changes nothing but what no longer serves: a leaf that is
// missing, damaged, due for renewal, of another authority, or without a name that is wanted.

import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { ClusterName } from '../mesh/model/names.ts';
import { OperationalError } from '../runtime/errors.ts';
import { type Authority, createAuthority, DAY_MS } from './authority.ts';
import { readAuthority, type StoredAuthority, writeAuthority } from './authority-files.ts';
import {
  type ClusterRecord,
  readClusterRecord,
  recordChanges,
  settledRecord,
  writeClusterRecord,
} from './cluster-record.ts';
import { readIfPresent, writePair, writePublic } from './files.ts';
import { withFolderLock } from './folder-lock.ts';
import { type IssueRequest, issue } from './issue.ts';
import { type ClusterLayout, clusterLayout } from './layout.ts';
import { issuerProblem, type LeafPlace, readLeaf, renewalOf } from './leaf-files.ts';
import { namesOf, type Profile } from './profiles.ts';
import { urisOf } from './verify.ts';

export interface ClusterCredentials {
  readonly dir: string;
  readonly cluster: ClusterName;
  readonly id?: number;
  /** Names of the nodes whose agents get a certificate. */
  readonly nodes: readonly string[];
  /** IP addresses and DNS names by which others reach the listeners. */
  readonly addresses: {
    readonly etcd: readonly string[];
    readonly door: readonly string[];
    readonly rpc: readonly string[];
    /** Besides loopback, as those of etcd. */
    readonly http?: readonly string[];
  };
  /** An authority to take instead of making one (import-authority.ts). */
  readonly given?: StoredAuthority;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** @default AUTHORITY_DAYS */
  readonly authorityDays?: number;
  /** Kept for those that are issued later. @default what the folder keeps, or else LEAF_LIFE_MS */
  readonly leafLifeMs?: number;
}

export interface InitOutcome {
  readonly layout: ClusterLayout;
  readonly leafLifeMs: number;
  /** What was, or would be, written and why, one line each; empty when everything was in order. */
  readonly written: readonly string[];
}

/** Ten years: replacing a root means touching every peer. */
export const AUTHORITY_DAYS = 3650;
/** A stolen key is of use for no longer. Something has to renew them, and one that lives longer has to be asked for. */
export const LEAF_LIFE_MS = DAY_MS;

export const initCluster = (credentials: ClusterCredentials): Promise<InitOutcome> =>
  withFolderLock(credentials.dir, () => carryOut(credentials));

async function carryOut(credentials: ClusterCredentials): Promise<InitOutcome> {
  const { layout, record, leafLifeMs, authority, leaves, written } = await plan(credentials);
  const { cluster, now } = credentials;
  if (record !== undefined) await writeClusterRecord(layout, record);
  const stored = 'make' in authority ? await make(authority, credentials) : authority.stored;
  if (authority.write) await writeAuthority(layout.authority, stored);
  for (const { paths, ...request } of leaves) {
    const wanted: IssueRequest = { ...request, authority: { ...stored.authority, cluster }, now, ttlMs: leafLifeMs };
    await writePair(paths, await issue(wanted));
  }
  return { layout, leafLifeMs, written };
}

/** What `initCluster` would do now. Writes nothing. */
export async function planCluster(credentials: ClusterCredentials): Promise<InitOutcome> {
  const { layout, leafLifeMs, written } = await plan(credentials);
  return { layout, leafLifeMs, written };
}

/** Binds the CA of a peer to that peer's name. */
export async function trustPeer(layout: ClusterLayout, peer: ClusterName, caPem: string): Promise<string> {
  const path = layout.trustStore(peer);
  if ((await readIfPresent(path)) !== caPem) await writePublic(path, caPem);
  return path;
}

type AuthorityPlan =
  | { readonly stored: StoredAuthority; readonly write: boolean }
  /** `make`: the key to keep, when a crash left it without a certificate. */
  | { readonly make: string | undefined; readonly write: true };

interface Plan {
  readonly layout: ClusterLayout;
  /** Absent when it stands already. */
  readonly record: ClusterRecord | undefined;
  readonly leafLifeMs: number;
  readonly authority: AuthorityPlan;
  readonly leaves: readonly WantedLeaf[];
  readonly written: readonly string[];
}

async function plan(credentials: ClusterCredentials): Promise<Plan> {
  const { dir, cluster, id } = credentials;
  const layout = clusterLayout(dir);
  const known = await readClusterRecord(layout);
  // A folder that keeps no life goes on without: its leaves live as long as those before them.
  const leafLifeMs = credentials.leafLifeMs ?? (known === undefined ? LEAF_LIFE_MS : undefined);
  const wanted = { cluster, ...(id === undefined ? {} : { id }), ...(leafLifeMs === undefined ? {} : { leafLifeMs }) };
  const record = settledRecord(layout, known, wanted);
  const changes = recordChanges(known, record);
  const written = changes.map((change) => `${layout.record}: ${change}`);
  const authority = await planAuthority(credentials, layout, written);
  const leaves: WantedLeaf[] = [];
  for (const wanted of wantedLeaves(credentials, layout)) {
    const signer = 'stored' in authority ? authority.stored.authority : undefined;
    const reason = await whyIssue(wanted, signer, credentials);
    if (reason === undefined) continue;
    leaves.push(wanted);
    written.push(`${wanted.paths.cert}: ${reason}`);
  }
  return {
    layout,
    record: changes.length > 0 ? record : undefined,
    leafLifeMs: record.leafLifeMs ?? LEAF_LIFE_MS,
    authority,
    leaves,
    written,
  };
}

async function planAuthority(
  { cluster, given }: ClusterCredentials,
  layout: ClusterLayout,
  written: string[],
): Promise<AuthorityPlan> {
  const { cert, key } = layout.authority;
  const there = await readAuthority(layout, cluster);
  if (there !== undefined) {
    if (given !== undefined && fingerprint(there) !== fingerprint(given)) throw another(cert);
    return { stored: there, write: false };
  }
  // A key without a certificate is what a crash between the two writes leaves: the same key signs itself again.
  const left = await readIfPresent(key);
  if (given !== undefined) {
    if (left !== undefined && left !== given.authority.key) throw another(key);
    written.push(`${cert}: the authority that was given`);
    return { stored: given, write: true };
  }
  written.push(`${cert}: ${left === undefined ? 'new authority' : 'the key had no certificate'}`);
  return { make: left, write: true };
}

async function make(
  { make: key }: { readonly make: string | undefined },
  { cluster, now, authorityDays: days = AUTHORITY_DAYS }: ClusterCredentials,
): Promise<StoredAuthority> {
  const authority = await createAuthority({ cluster, now, days, ...(key === undefined ? {} : { key }) });
  return { authority, bundle: authority.certificate };
}

const fingerprint = ({ authority }: StoredAuthority): string =>
  new X509Certificate(authority.certificate).fingerprint256;

function another(path: string): OperationalError {
  return new OperationalError({
    code: 'PKI_EXISTS',
    operation: 'take over certificate authority',
    subject: path,
    reason: 'the cluster has another authority, which is never overwritten',
    hint: 'peers know the present one; a cluster that starts anew needs a folder of its own',
  });
}

interface WantedLeaf extends LeafPlace {
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
    leaf('etcd-server', besidesLoopback(addresses.etcd)),
    leaf('etcd-client'),
    leaf('door', addresses.door),
    leaf('peer'),
    leaf('rpc', addresses.rpc),
    leaf('http', besidesLoopback(addresses.http)),
    leaf('admin'),
    leaf('metrics'),
    ...nodes.map((node) => ({ paths: layout.agent(node), profile: 'agent' as const, node, dnsNames: [], ips: [] })),
  ];
}

const besidesLoopback = (addresses: readonly string[] = []): readonly string[] => [
  ...new Set(['127.0.0.1', 'localhost', ...addresses]),
];

/** Why a leaf has to be issued; `undefined` when the one on disk serves. */
async function whyIssue(
  wanted: WantedLeaf,
  authority: Authority | undefined,
  { cluster, now }: ClusterCredentials,
): Promise<string | undefined> {
  const leaf = await readLeaf(wanted.paths);
  if (!leaf.ok) return leaf.error;
  const otherIssuer =
    authority === undefined ? 'issued by another authority' : issuerProblem(leaf.value, authority.certificate);
  if (otherIssuer !== undefined) return otherIssuer;
  if (now >= renewalOf(leaf.value).dueAt) return `ends on ${leaf.value.validTo}`;
  return missingName(leaf.value, wanted, cluster);
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
