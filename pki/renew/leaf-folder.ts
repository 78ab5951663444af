// The leaves of a cluster's folder: which there are, and putting a new pair in the place of one. A renewal that fails leaves the
// pair that was there.

import type { X509Certificate } from 'node:crypto';
import { dirname } from 'node:path';
import type { ClusterName } from '../../mesh/model/names.ts';
import { err, ok, type Result } from '../../mesh/model/result.ts';
import { OperationalError } from '../../runtime/errors.ts';
import { certificatesOf } from '../../runtime/tls/pem.ts';
import { readAuthority, type StoredAuthority } from '../authority-files.ts';
import { readClusterRecord } from '../cluster-record.ts';
import { assertWritable, namesIn, type Pair, readIfPresent, writePair } from '../files.ts';
import { withFolderLock } from '../folder-lock.ts';
import { clusterLayout } from '../layout.ts';
import { issuerProblem, type LeafPlace, leafIn, readLeaf } from '../leaf-files.ts';
import type { Profile } from '../profiles.ts';
import { reissue } from './reissue.ts';
import type { StandingLeaf } from './standing.ts';

export interface RenewalFailure {
  readonly reason: string;
  /** What to do, one imperative sentence. */
  readonly hint: string;
}

/** What a renewer needs of the place where leaves stand. */
export interface RenewableLeaves {
  /** May reject with an OperationalError when the place itself cannot be read. */
  standing(): Promise<readonly StandingLeaf[]>;
  renew(leaf: StandingLeaf, now: number): Promise<Result<X509Certificate, RenewalFailure>>;
  /** Why no renewal could succeed now, whether or not one is due. */
  obstacle(): Promise<RenewalFailure | undefined>;
}

const PROFILES: readonly Exclude<Profile, 'agent'>[] = [
  'etcd-server',
  'etcd-client',
  'door',
  'peer',
  'rpc',
  'http',
  'admin',
  'metrics',
];

export class LeafFolder implements RenewableLeaves {
  readonly #dir: string;
  readonly #lifeMs: number | undefined;

  /** `lifeMs`: of what is issued; without it as the folder's record says, or else as long as the leaf before. */
  constructor({ dir, lifeMs }: { readonly dir: string; readonly lifeMs?: number | undefined }) {
    this.#dir = dir;
    this.#lifeMs = lifeMs;
  }

  /** Rejects with PKI_CLUSTER_RECORD where the folder is no cluster's. */
  async cluster(): Promise<ClusterName> {
    const layout = clusterLayout(this.#dir);
    const record = await readClusterRecord(layout);
    if (record !== undefined) return record.cluster;
    throw new OperationalError({
      code: 'PKI_CLUSTER_RECORD',
      operation: 'open credentials',
      subject: layout.record,
      reason: 'there is no such file, so that this is no folder of credentials',
      hint: 'give the folder that pki init has made, or run pki init on it',
    });
  }

  async standing(): Promise<readonly StandingLeaf[]> {
    await this.cluster();
    const layout = clusterLayout(this.#dir);
    const places: readonly LeafPlace[] = [
      ...PROFILES.map((profile) => ({ paths: layout.leaf(profile), profile })),
      ...(await namesIn(layout.agents)).map((node) => ({ paths: layout.agent(node), profile: 'agent' as const, node })),
    ];
    const found = await Promise.all(places.map(standingAt));
    return found.filter((leaf) => leaf !== undefined);
  }

  async obstacle(): Promise<RenewalFailure | undefined> {
    try {
      const stored = await this.#authority();
      if (!stored.ok) return stored.error;
      const folders = new Set((await this.standing()).map(({ place }) => dirname(place.paths.cert)));
      for (const folder of folders) await assertWritable(folder);
      return undefined;
    } catch (error) {
      return failureOf(error);
    }
  }

  async renew(leaf: StandingLeaf, now: number): Promise<Result<X509Certificate, RenewalFailure>> {
    try {
      return await withFolderLock(this.#dir, () => this.#renewLocked(leaf, now));
    } catch (error) {
      return err(failureOf(error));
    }
  }

  async #renewLocked(leaf: StandingLeaf, now: number): Promise<Result<X509Certificate, RenewalFailure>> {
    const { place, certificate, flaw } = leaf;
    const current = await standingAt(place);
    if (current === undefined) return err({ reason: 'it was removed meanwhile', hint: 'Nothing is to be done.' });
    const stored = await this.#authority();
    if (!stored.ok) return stored;
    const changed = flaw !== undefined || current.certificate?.fingerprint256 !== certificate?.fingerprint256;
    // Whoever held the lock before has renewed it.
    if (changed && current.certificate !== undefined && serves(current, stored.value)) return ok(current.certificate);
    if (certificate === undefined) {
      return err({ reason: `its names cannot be read: ${flaw ?? 'missing'}`, hint: 'Run pki init with its names.' });
    }
    const lifeMs = this.#lifeMs ?? (await readClusterRecord(clusterLayout(this.#dir)))?.leafLifeMs;
    const issued = await reissue({ place, old: certificate, stored: stored.value, now, lifeMs });
    if (!issued.ok) return err({ reason: issued.error, hint: 'Look at what trust status says of the authority.' });
    await publish(place.paths, issued.value);
    const written = await readLeaf(place.paths);
    return written.ok ? written : err({ reason: written.error, hint: 'Let only one program write these files.' });
  }

  async #authority(): Promise<Result<StoredAuthority, RenewalFailure>> {
    const layout = clusterLayout(this.#dir);
    const stored = await readAuthority(layout, await this.cluster());
    if (stored !== undefined) return ok(stored);
    return err({
      reason: `the authority that signs, ${layout.authority.cert}, is missing`,
      hint: 'Renew where the authority is kept, and copy what was written.',
    });
  }
}

/** Throws what is a bug. */
export function failureOf(error: unknown): RenewalFailure {
  if (!(error instanceof OperationalError)) throw error;
  const subject = error.subject === undefined ? '' : `${error.subject}: `;
  return { reason: `${subject}${error.reason}`, hint: sentence(error.hint) };
}

/** During a rotation a leaf may be new, and of the authority before. */
const serves = ({ certificate, flaw }: StandingLeaf, { authority }: StoredAuthority): boolean =>
  flaw === undefined && certificate !== undefined && issuerProblem(certificate, authority.certificate) === undefined;

/** `undefined` where nothing stands at all. */
async function standingAt(place: LeafPlace): Promise<StandingLeaf | undefined> {
  const [text, key] = await Promise.all([readIfPresent(place.paths.cert), readIfPresent(place.paths.key)]);
  if (text === undefined && key === undefined) return undefined;
  const leaf = leafIn(text, key);
  if (leaf.ok) return { place, certificate: leaf.value, flaw: undefined };
  // A crash between the two writes leaves a certificate beside another key: its names are known, and it heals by a renewal.
  return { place, certificate: text === undefined ? undefined : readable(text), flaw: leaf.error };
}

function readable(text: string): X509Certificate | undefined {
  try {
    return certificatesOf(text)[0];
  } catch {
    return undefined;
  }
}

/** Both files or neither: when the second cannot be written, the first is put back. */
async function publish(paths: Pair, texts: { readonly certificate: string; readonly key: string }): Promise<void> {
  const [certificate, key] = await Promise.all([readIfPresent(paths.cert), readIfPresent(paths.key)]);
  try {
    await writePair(paths, texts);
  } catch (error) {
    if (certificate !== undefined && key !== undefined) await writePair(paths, { certificate, key }).catch(() => {});
    throw error;
  }
}

const sentence = (hint: string | undefined): string =>
  hint === undefined ? 'Try again.' : `${hint.charAt(0).toUpperCase()}${hint.slice(1)}.`;
