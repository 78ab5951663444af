// The catalogue of findings: one row per code. STABLE: codes are never reused, and each has its anchor in docs/findings.md.
// A row says what a code is; when it is found is the business of the rule rows, one file per subject.

import type { Category, Draft, OtherParty, Severity } from './finding.ts';

export interface CatalogueRow {
  readonly code: string;
  readonly category: Category;
  readonly title: string;
  /** Where the rule does not say otherwise. */
  readonly severity: Severity;
  /** Worse once it has lasted this long: a state that is normal for a moment and a fault for longer. */
  readonly escalates?: { readonly afterMs: number; readonly to: Severity };
  /** Why it hurts, one sentence. */
  readonly why: string;
  /** What is withheld, one sentence. */
  readonly withholds: string;
  /** What to do, one imperative sentence: `{subject}` and `{other}` are cluster names, `{key}` and `{value}` the subject's. */
  readonly fix: string;
}

/** An endpoint may come before its identity; after this it is not a matter of order any more. */
const IDENTITY_GRACE_MS = 60_000;
/** A first list of the largest peers takes seconds; a minute without its end is worth a look. */
const INITIAL_SYNC_GRACE_MS = 60_000;

const NOTHING = 'Nothing is withheld.';
const RECORD = 'The record is withheld; a previous good value of it stays in use.';
const PEER = 'The peer is held back whole.';

const row = (
  code: string,
  category: Category,
  severity: Severity,
  title: string,
  why: string,
  withholds: string,
  fix: string,
  escalates?: { readonly afterMs: number; readonly to: Severity },
): CatalogueRow => ({
  code,
  category,
  severity,
  title,
  why,
  withholds,
  fix,
  ...(escalates === undefined ? {} : { escalates }),
});

const serviceRow = (code: string, subject: string, severity: Severity, withholds: string): CatalogueRow =>
  row(
    code,
    'service',
    severity,
    `Clusters disagree on the ${subject} of a global service`,
    'Clients get a different service depending on the cluster that they ask from.',
    withholds,
    `Make the ${subject} of {key} the same in {subject} and {other}.`,
  );

const ROWS: readonly CatalogueRow[] = [
  row(
    'CM-CIDR-001',
    'cidr',
    'error',
    'Pod CIDRs of two clusters overlap',
    'An address in both ranges names two pods, and packets reach whichever the node heard of last.',
    "The loser's endpoints and backends inside the intersection are withheld; the rest of it is admitted.",
    'Give {subject} a pod CIDR that overlaps none of the mesh; {value} meets {other}.',
  ),
  row(
    'CM-CIDR-002',
    'cidr',
    'error',
    'A pod CIDR overlaps a service CIDR of another cluster',
    'Nodes translate an address in the service range before it is routed, so the pods behind it cannot be reached.',
    'Backends inside the intersection are withheld; where it is the service range that loses, endpoints in it too.',
    'Move the range {value} of {subject} out of the range of {other}.',
  ),
  row(
    'CM-CIDR-003',
    'cidr',
    'error',
    'A pod or service CIDR covers node addresses of another cluster',
    'Traffic to those nodes, tunnels included, is taken for traffic to pods or services.',
    'Entries inside the intersection are withheld.',
    'Move the range {value} of {subject} away from the nodes of {other}, or renumber the nodes.',
  ),
  row(
    'CM-CIDR-005',
    'cidr',
    'error',
    'A CIDR added after the join overlaps',
    'The mesh already uses the range; the cluster that added it is the newcomer there.',
    'Only the new range is withheld; what was admitted before stays.',
    'Take the range {value} back from {subject}, or give it one that overlaps none of the mesh.',
  ),
  row(
    'CM-CIDR-006',
    'cidr',
    'error',
    'An address lies outside the CIDRs that its cluster declares',
    'A cluster can divert traffic with addresses that it does not own.',
    'The record, or the backend at that address, is withheld.',
    'Correct the record, or add the range of {value} to the CIDRs that {subject} declares; what every host has, such as loopback, nobody can.',
  ),
  row(
    'CM-CIDR-007',
    'cidr',
    'error',
    'Two clusters claim the same address',
    "Only one of them can be right; without a decision the last writer wins and one's removal removes the other's.",
    "The loser's claim is withheld; it takes over when the winner withdraws its own.",
    'Find out which cluster owns {value} and remove it from {subject} or {other}.',
  ),
  row(
    'CM-ID-001',
    'cluster-id',
    'blocking',
    'Two clusters have the same cluster id',
    'Identities of both are the same numbers, so that policies of one apply to pods of the other.',
    'The loser is held back whole.',
    'Install {subject} with a cluster id that no other cluster of the mesh has.',
  ),
  row(
    'CM-ID-002',
    'cluster-id',
    'blocking',
    'A cluster carries another name than the one it is connected as',
    'Everything that it says would be filed under a name that is not its own.',
    'The cluster is held back whole.',
    'Connect to {subject} under the name that it carries, {value}, or correct its name.',
  ),
  row(
    'CM-ID-003',
    'cluster-id',
    'blocking',
    'Cluster id out of range, or identity widths differ',
    'The upper bits of an identity would be read as another cluster.',
    PEER,
    'Install {subject} with an id and maxConnectedClusters that fit the mesh.',
  ),
  row(
    'CM-ID-004',
    'cluster-id',
    'error',
    'A cluster was rebuilt under a known name',
    'Its addresses and identities may mean something else now, and it may not be the same cluster at all.',
    'Its new state is withheld; the old one stays as long as it is fresh.',
    'Confirm that {subject} was rebuilt: clustermesh release {fingerprint}',
  ),
  row(
    'CM-IDENT-001',
    'identity',
    'error',
    'An identity lies outside the range of its cluster',
    'It would pass for an identity of another cluster, with what policies allow there.',
    'The identity and the endpoints that use it are withheld.',
    'Correct the cluster id of {subject}, or whatever writes {key}.',
  ),
  row(
    'CM-IDENT-002',
    'identity',
    'error',
    'A peer asserts a reserved identity',
    'Reserved identities mean the same everywhere; an address that carries one is trusted as such.',
    'Those entries are withheld.',
    'Find what writes {key} in {subject}: a peer may assert only host, health, remote-node, kube-apiserver and ingress.',
  ),
  row(
    'CM-IDENT-003',
    'identity',
    'error',
    'One numeric identity with different labels, or with the label of another cluster',
    'Policies select by labels and enforce by number; the two would not mean the same pods.',
    'The identity and its endpoints are withheld.',
    'Let {subject} allocate identity {value} anew, within its own range and with its own cluster label.',
  ),
  row(
    'CM-IDENT-004',
    'identity',
    'warning',
    'An endpoint refers to an identity that nobody has published',
    'Policies cannot match it, and its traffic is treated as unknown.',
    'The endpoint is programmed with the unknown identity, never with that of another.',
    'Check that {subject} publishes identity {value}.',
    { afterMs: IDENTITY_GRACE_MS, to: 'error' },
  ),
  row(
    'CM-IDENT-005',
    'identity',
    'warning',
    'Backends of one global service carry different security identities',
    'A policy that allows one cluster’s backends denies those of the other: some requests fail, seemingly at random.',
    NOTHING,
    'Give the workloads behind {key} the same labels in all clusters, or let the policies select what they share.',
  ),
  row(
    'CM-TRUST-001',
    'trust',
    'blocking',
    "A peer's certificate chain does not lead to its trust store",
    'Whoever answers cannot prove to be that peer.',
    PEER,
    'Put the CA of {subject} into the trust store that is bound to it, after comparing its pin.',
  ),
  row(
    'CM-TRUST-002',
    'trust',
    'blocking',
    'A peer does not accept our client certificate',
    'Nothing can be read from the peer.',
    PEER,
    'Put the CA of {other} into the trust store that {subject} binds to it.',
  ),
  row(
    'CM-TRUST-003',
    'trust',
    'blocking',
    'An intermediate certificate is missing from a presented chain',
    'The path to the root cannot be built, although the root is known.',
    PEER,
    'Let {subject} present its whole chain, leaf first.',
  ),
  row(
    'CM-TRUST-004',
    'trust',
    'blocking',
    'A certificate has expired or is not yet valid',
    'It proves nothing outside its validity.',
    'The peer is held back when its last good state has expired.',
    'Renew the certificate of {subject}, or correct the clock.',
  ),
  row(
    'CM-TRUST-005',
    'trust',
    'warning',
    'A certificate expires soon, or a CA before its leaves',
    'The peer is lost at that moment.',
    NOTHING,
    'Renew the certificate of {subject} before it expires.',
  ),
  row(
    'CM-TRUST-006',
    'trust',
    'blocking',
    "A certificate's name is not that of the peer, or its key usage is wrong",
    'One cluster could pass for another.',
    PEER,
    'Issue a certificate with the name of {subject} in it.',
  ),
  row(
    'CM-TRUST-007',
    'trust',
    'warning',
    'Two CAs share a name, or two clusters a CA key',
    'Chains fail for a reason that names do not show, or one cluster can speak for another.',
    NOTHING,
    'Give each cluster a CA of its own, with a name of its own.',
  ),
  row(
    'CM-TRUST-008',
    'trust',
    'blocking',
    'A pinned key vanished without a rotation overlap',
    'A rotation shows both keys for a while; a replacement without one may be an impostor.',
    'The new state is withheld; the last good one is kept.',
    'Compare the new pin of {subject} by another way, then confirm it: clustermesh release {fingerprint}',
  ),
  row(
    'CM-TRUST-009',
    'trust',
    'warning',
    'Weak key or signature algorithm',
    'It can be forged with effort.',
    NOTHING,
    'Issue the certificate anew with ECDSA P-256 or stronger.',
  ),
  row(
    'CM-CFG-001',
    'config',
    'error',
    'The datapath modes of two clusters cannot talk to each other',
    'Packets leave one cluster in a form that the other does not read.',
    "The peer's endpoints and backends in its pod CIDRs are withheld.",
    'Set the same datapath mode, tunnel and encryption in {subject} and {other}.',
  ),
  row(
    'CM-CFG-002',
    'config',
    'error',
    'Versions are further apart than is supported',
    'The older side may not understand what the newer one means.',
    NOTHING,
    'Upgrade the older of {subject} and {other}, one minor version at a time.',
  ),
  row(
    'CM-CFG-003',
    'config',
    'warning',
    'Capabilities of two clusters differ',
    'What only one side has does not work across the two.',
    NOTHING,
    'Upgrade the one of {subject} and {other} that lacks them, or end its setting `withhold`.',
  ),
  row(
    'CM-CFG-004',
    'config',
    'warning',
    'The clocks of two clusters differ',
    'Certificates seem expired or not yet valid, and ages are wrong.',
    NOTHING,
    'Synchronise the clock of {subject}.',
  ),
  serviceRow('CM-SVC-001', 'ports', 'error', 'The contested port of the later cluster is withheld.'),
  serviceRow('CM-SVC-002', 'type or headlessness', 'error', 'The backends of the later cluster are withheld.'),
  serviceRow('CM-SVC-003', 'session affinity', 'warning', NOTHING),
  serviceRow('CM-SVC-004', 'session affinity configuration', 'warning', NOTHING),
  serviceRow('CM-SVC-005', 'annotations', 'warning', NOTHING),
  serviceRow('CM-SVC-006', 'labels', 'warning', NOTHING),
  serviceRow('CM-SVC-007', 'internal traffic policy', 'warning', NOTHING),
  serviceRow('CM-SVC-008', 'traffic distribution', 'warning', NOTHING),
  serviceRow('CM-SVC-009', 'IP families', 'warning', NOTHING),
  row(
    'CM-SVC-010',
    'service',
    'info',
    'One side has not marked a global service global or shared',
    'Its backends do not answer for the other clusters, which may be what is meant.',
    NOTHING,
    'Annotate {key} in {subject} with service.cilium.io/global and shared, if its backends should answer everywhere.',
  ),
  row(
    'CM-SVC-011',
    'service',
    'warning',
    'All backends of a service are in clusters that are stale or withheld',
    'Nobody vouches for any of its backends.',
    NOTHING,
    'Bring back one of the clusters that hold backends of {key}.',
  ),
  row(
    'CM-FRESH-001',
    'freshness',
    'info',
    "A peer's heartbeat is late",
    'What the peer says may no longer be so.',
    'While stale, its backends are used only when nothing else is left; when expired, they are withdrawn.',
    'Check that the API server of {subject} runs and can be reached.',
  ),
  row(
    'CM-FRESH-002',
    'freshness',
    'info',
    'The initial sync with a peer is not complete',
    'What is absent may only not have come yet.',
    'Nothing is withheld; pruning is held back.',
    'Wait; if it lasts, check the publisher of {subject}.',
    { afterMs: INITIAL_SYNC_GRACE_MS, to: 'warning' },
  ),
  row(
    'CM-FRESH-003',
    'freshness',
    'error',
    "A peer's etcd was replaced, or its revisions went backwards",
    'What was known of it may be gone or be older than before.',
    'Nothing is withdrawn until a full list has been compared.',
    'Check whether the etcd of {subject} was restored or rebuilt.',
  ),
  row(
    'CM-REC-001',
    'record',
    'error',
    'A record or a card field cannot be read, or does not fit its key',
    'It cannot be known what is meant.',
    RECORD,
    'Correct {key} in {subject}, or what writes it.',
  ),
  row(
    'CM-REC-002',
    'record',
    'error',
    'A peer exceeds its quota',
    'One peer could use up the memory and time of all.',
    'The excess is withheld.',
    'Find what floods {subject}, or raise its quota.',
  ),
  row(
    'CM-KERN-001',
    'kernel',
    'error',
    "A node's kernel lags behind, or cannot hold everything",
    'Clients on the node do not reach what is new.',
    'The named services are not programmed on that node.',
    'Follow the hint of the node {value}.',
  ),
];

export const CATALOGUE: ReadonlyMap<string, CatalogueRow> = new Map(ROWS.map((entry) => [entry.code, entry]));

/** A code without a row is a mistake in a rule, which the first test of that rule finds. */
export function catalogueRow(code: string): CatalogueRow {
  const found = CATALOGUE.get(code);
  if (found === undefined) throw new Error(`no such code in the catalogue: ${code}`);
  return found;
}

/** Findings that do not only go with their cause: a person may decide that what they withhold is right. */
const RELEASABLE: ReadonlySet<string> = new Set(['CM-ID-004', 'CM-TRUST-008']);

export const isReleasable = (code: string): boolean => RELEASABLE.has(code);

export const docsAnchor = (code: string): string => `docs/findings.md#${code.toLowerCase()}`;

export function remediation(draft: Pick<Draft, 'code' | 'subject' | 'other' | 'fingerprint'>): string {
  const values: Readonly<Record<string, string>> = {
    subject: draft.subject.cluster,
    other: draft.other === 'local' ? 'the local cluster' : otherNames(draft.other),
    key: draft.subject.key,
    value: draft.subject.value,
    fingerprint: draft.fingerprint,
  };
  // Replaced by a function: a value may hold `$&`, which a replacement text would interpret.
  return catalogueRow(draft.code).fix.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}

const otherNames = (other: OtherParty): string => ('clusters' in other ? other.clusters.join(', ') : other.cluster);

export function severityAt(code: string, severity: Severity, ageMs: number): Severity {
  const { escalates } = catalogueRow(code);
  return escalates !== undefined && ageMs >= escalates.afterMs ? escalates.to : severity;
}
