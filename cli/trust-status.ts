// `clustermesh trust status`: how the certificates of a folder stand, its authority and the trust stores of its peers. Reads only.
// Exit 1 says that something does not serve any more, or soon will not because nothing renews it.

import { Command } from 'commander';
import type { ClusterName } from '../mesh/model/names.ts';
import { readAuthority } from '../pki/authority-files.ts';
import { readIfPresent } from '../pki/files.ts';
import { clusterLayout } from '../pki/layout.ts';
import { issuerProblem, renewalOf } from '../pki/leaf-files.ts';
import { LeafFolder } from '../pki/renew/leaf-folder.ts';
import { isRenewed } from '../pki/renew/presence.ts';
import { type LeafState, leafOwner, leafState, type StandingLeaf } from '../pki/renew/standing.ts';
import { readRotation } from '../pki/rotate/rotation.ts';
import { spkiPin, spkiPins } from '../pki/spki.ts';
import { type StoreState, storeState, type TrustStore, trustStoresOf } from '../pki/trust-stores.ts';
import { systemClock } from '../runtime/clock.ts';
import { OperationalError } from '../runtime/errors.ts';
import { type OutputFormat, outputOption, print } from './options.ts';
import { age, table } from './table.ts';
import { outputColours } from './terminal.ts';

export function statusCommand(): Command {
  return new Command('status')
    .description('show how the certificates of a folder stand, its authority, and whom it trusts')
    .requiredOption('--dir <folder>', "where the cluster's certificates and its authority stand")
    .addOption(outputOption())
    .addHelpText(
      'after',
      '\nExit codes: 0 all serve, 1 something is broken, expired, overdue or not valid yet, 2 wrong usage, 3 could not be read.',
    )
    .action(async ({ dir, output }: { readonly dir: string; readonly output: OutputFormat }) => {
      const folder = new LeafFolder({ dir });
      const cluster = await folder.cluster();
      const now = systemClock.now();
      const [leaves, stores, keyFlaw, rotation, renewed] = await Promise.all([
        folder.standing(),
        trustStoresOf(dir),
        keyFlawOf(dir, cluster),
        rotationOf(dir),
        isRenewed(dir),
      ]);
      const own = stores.find(({ peer }) => peer === undefined);
      const report = {
        schema_version: 1,
        cluster,
        dir,
        evaluated_at: new Date(now).toISOString(),
        authorities: stores.map((store) =>
          authorityRow(store.peer === undefined ? { ...store, flaw: store.flaw ?? keyFlaw } : store, now),
        ),
        leaves: leaves.map((leaf) => leafRow(leaf, own, now)),
        rotation,
        // Whether one runs on this machine; null where the authority is kept elsewhere.
        renewer: renewed ?? null,
      };
      print(output, report, () => render(report, now));
      if ([...report.authorities, ...report.leaves].some(({ state }) => ALARMING.has(state))) process.exitCode = 1;
    });
}

const ALARMING: ReadonlySet<LeafState> = new Set(['broken', 'expired', 'early', 'overdue']);

const CHECK_CLOCK = 'set the clock of this machine right, or wait: it is valid only later';

const remedy = (state: Exclude<LeafState, 'ok' | 'due'>, dir: string): string =>
  ({
    broken: `clustermesh trust renew --dir ${dir} --all issues the pair anew, where its names can be read`,
    expired: `clustermesh trust renew --dir ${dir}`,
    early: CHECK_CLOCK,
    overdue: `look at what is to renew it (docs/operations.md), or run clustermesh trust renew --dir ${dir}`,
  })[state];

function storeRemedy(state: Exclude<StoreState, 'ok'>, owner: string, dir: string): string {
  if (state === 'broken') return 'restore it; or for a peer, invite and join again';
  if (state === 'early') return CHECK_CLOCK;
  if (owner !== 'own') {
    return state === 'overdue'
      ? `ask ${owner} to replace its authority`
      : `${owner} replaces it, then invite and join again`;
  }
  const rotate = `clustermesh trust rotate-ca --dir ${dir}`;
  return state === 'overdue'
    ? `replace it before it ends: ${rotate}`
    : `check the clock; ${rotate} --force, phase by phase, then have peers take ca/ca.pem by hand, or join anew`;
}

/** Why what is there as the authority's key signs nothing; undefined where there is none, or this user may not look. */
async function keyFlawOf(dir: string, cluster: ClusterName): Promise<string | undefined> {
  const layout = clusterLayout(dir);
  try {
    if ((await readIfPresent(layout.authority.key)) !== undefined) await readAuthority(layout, cluster);
  } catch (error) {
    if (!(error instanceof OperationalError)) throw error;
    return error.code === 'PKI_AUTHORITY' ? `${layout.authority.key} signs nothing: ${error.reason}` : undefined;
  }
  return undefined;
}

/** How far `rotate-ca` has come; null where the authority is kept elsewhere, or cannot be read, which its row says. */
async function rotationOf(dir: string) {
  try {
    const { phase, next, retiring, behind } = await readRotation(dir);
    return {
      phase,
      next_pin: next?.authority === undefined ? null : (spkiPins([next.authority.certificate])[0] ?? null),
      retiring_pins: retiring.map(spkiPin),
      signed_by_the_old: behind.map(({ place }) => leafOwner(place)),
    };
  } catch (error) {
    if (error instanceof OperationalError) return null;
    throw error;
  }
}

type AuthorityRow = ReturnType<typeof authorityRow>;
type LeafRow = ReturnType<typeof leafRow>;

function authorityRow(store: TrustStore, now: number) {
  const { peer, path, certificates, flaw } = store;
  const ends = certificates.map(({ validTo }) => Date.parse(validTo));
  return {
    for: peer ?? 'own',
    file: path,
    state: storeState(store, now),
    valid_to: ends.length === 0 ? null : new Date(Math.max(...ends)).toISOString(),
    pins: certificates.map(spkiPin),
    reason: flaw ?? null,
  };
}

function leafRow(leaf: StandingLeaf, own: TrustStore | undefined, now: number) {
  const { place, certificate } = leaf;
  const flaw = leaf.flaw ?? (certificate === undefined ? undefined : foreignTo(own, certificate));
  return {
    for: leafOwner(place),
    file: place.paths.cert,
    state: leafState({ ...leaf, flaw }, now),
    valid_to: certificate === undefined ? null : new Date(certificate.validTo).toISOString(),
    renewal_due: certificate === undefined ? null : new Date(renewalOf(certificate).dueAt).toISOString(),
    reason: flaw ?? null,
  };
}

/** Any certificate of the store may have signed: during a rotation there are two. */
function foreignTo(own: TrustStore | undefined, certificate: NonNullable<StandingLeaf['certificate']>) {
  if (own === undefined || own.flaw !== undefined) return undefined;
  const problems = own.certificates.map((authority) => issuerProblem(certificate, authority.toString()));
  return problems.includes(undefined) ? undefined : problems[0];
}

interface Report {
  readonly dir: string;
  readonly authorities: readonly AuthorityRow[];
  readonly leaves: readonly LeafRow[];
  readonly rotation: Awaited<ReturnType<typeof rotationOf>>;
  readonly renewer: boolean | null;
}

function render({ dir, authorities, leaves, rotation, renewer }: Report, now: number): string {
  const colours = outputColours();
  const remaining = (end: string | null) => {
    if (end === null) return '-';
    const left = Date.parse(end) - now;
    return left < 0 ? `${age(-left)} ago` : `in ${age(left)}`;
  };
  const trusted = table(
    ['AUTHORITY', 'STATE', 'ENDS', 'PINS'],
    authorities.map((row) => [row.for, row.state, remaining(row.valid_to), row.pins.join(' ') || '-']),
  );
  const listed = table(
    ['CERTIFICATE', 'STATE', 'ENDS', 'RENEWAL DUE'],
    leaves.map((row) => [row.for, row.state, remaining(row.valid_to), row.renewal_due ?? '-']),
  );
  const wrong = [
    ...authorities.flatMap(({ for: owner, file, state, reason }) =>
      state === 'ok' ? [] : [`${file}: ${reason ?? state}\n  fix: ${storeRemedy(state, owner, dir)}`],
    ),
    ...leaves.flatMap(({ file, state, reason }) =>
      state === 'ok' || state === 'due' ? [] : [`${file}: ${reason ?? state}\n  fix: ${remedy(state, dir)}`],
    ),
  ];
  const rotating =
    rotation === null || rotation.phase === 'settled'
      ? []
      : [
          `the authority is being replaced: ${rotation.phase}; clustermesh trust rotate-ca --dir ${dir} --dry-run says what is next`,
        ];
  const keeper =
    renewer === null
      ? []
      : [
          renewer
            ? 'a renewer runs on this machine'
            : `no renewer runs on this machine: clustermesh trust renew --watch --dir ${dir} keeps them renewed`,
        ];
  return [trusted, listed, ...keeper, ...rotating, ...wrong.map(colours.red)].join('\n\n');
}
