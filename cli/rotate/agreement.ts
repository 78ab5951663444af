// What stands in the way of the next phase of a rotation, from what the API servers of the cluster say: that they have the folder's
// files, that every peer has taken what they announce, and that the agents that are connected accept it. Each obstacle is a sentence that says what to do. Pure.

import type { AgentTrustEntry, PeerTrustEntry, TrustDocument } from '../../apiserver/bundles/trust-document.ts';

export interface AskedServer {
  readonly server: string;
  readonly document: TrustDocument;
}

export interface FolderState {
  readonly cluster: string;
  /** Of ca.pem. */
  readonly pins: readonly string[];
  /** SHA-256 of the certificates that API servers are to show, by the part that shows them; `peer` at the doors of peers. */
  readonly leaves: ReadonlyMap<string, string>;
  /** SHA-256 of each certificate in ca.pem. */
  readonly authorities: readonly string[];
  /** SHA-256 of the certificate of each agent that the folder has one for, by node. */
  readonly agents: ReadonlyMap<string, string>;
}

/** Before the next authority signs, and before the old one goes: everybody must have what is in ca.pem. */
export function untilAnnounced(servers: readonly AskedServer[], folder: FolderState): readonly string[] {
  return distinct(
    servers.flatMap(({ server, document }) => {
      if (document.cluster !== folder.cluster) {
        return [`${server} is an API server of ${document.cluster}, and the folder is ${folder.cluster}'s`];
      }
      if (!samePins(document.bundle?.pins ?? [], folder.pins)) {
        return [`${server} does not announce what is in ca/ca.pem: copy that file to its machine`];
      }
      return [
        ...document.peers.filter(({ current }) => !current).map((peer) => notTaken(peer, document)),
        ...agentsOf(document)
          .filter(({ authorities }) => lacks(authorities, folder.authorities))
          .map(({ node }) => `agent ${node} does not accept what is in ca/ca.pem: copy that file to its node`),
      ];
    }),
  );
}

/** Before the old one goes: also nobody may still be shown what it has signed. */
export function untilShown(servers: readonly AskedServer[], folder: FolderState): readonly string[] {
  const wrong = servers.flatMap(({ server, document }) => {
    const parts = document.certificates.filter(
      ({ part, fingerprint }) => (folder.leaves.get(part) ?? fingerprint) !== fingerprint,
    );
    const peer = folder.leaves.get('peer');
    const links = document.peers.filter(({ shown }) => shown !== null && peer !== undefined && shown !== peer);
    const agents = agentsOf(document).filter(
      ({ node, certificate }) => certificate !== null && (folder.agents.get(node) ?? certificate) !== certificate,
    );
    return [
      ...parts.map(({ part }) => `${server} shows another ${part} certificate than the folder has: copy it there`),
      ...links.map(({ name }) => `the connection of ${server} to ${name} was made with another certificate of peer/`),
      ...agents.map(({ node }) => `agent ${node} shows another certificate than the folder has: copy it to its node`),
    ];
  });
  return distinct([...untilAnnounced(servers, folder), ...wrong]);
}

/** Names that a sentence has; more are counted. */
const NAMED_MAX = 5;

/** Agents that nobody waits for, because they cannot be asked: nothing stands in the way for them, and a person has to know of them. */
export function notAsked(servers: readonly AskedServer[], { agents }: FolderState): readonly string[] {
  const told = new Map<string, boolean>();
  for (const { node, authorities } of servers.flatMap(({ document }) => agentsOf(document))) {
    told.set(node, told.get(node) === true || authorities !== null);
  }
  const away = [...agents.keys()].filter((node) => !told.has(node));
  const silent = [...told].filter(([, says]) => !says).map(([node]) => node);
  const known = new Set([...agents.keys(), ...told.keys()]).size;
  const said = (nodes: readonly string[], what: string, fix: string) =>
    nodes.length === 0 ? [] : [`${nodes.length} of ${known} agents ${what}: ${someOf(nodes)}: ${fix}`];
  return [
    ...said(
      away,
      'are not connected to an API server that was asked',
      'copy ca/ca.pem and agents/NODE/ to their nodes before they come back, else they may be refused; of a node that is gone for good remove agents/NODE/',
    ),
    ...said(
      silent,
      'do not say what they accept, being of an older version or told not to',
      'see to it that their nodes have ca/ca.pem and agents/NODE/ before the next phase',
    ),
  ];
}

function someOf(nodes: readonly string[]): string {
  const sorted = [...nodes].sort();
  const more = sorted.length - NAMED_MAX;
  return more > 0 ? `${sorted.slice(0, NAMED_MAX).join(', ')} and ${more} more` : sorted.join(', ');
}

function notTaken({ name, announced, acknowledged }: PeerTrustEntry, { bundle }: TrustDocument): string {
  const wanted = bundle?.sequence ?? 'what is announced';
  if (acknowledged !== null) return `${name} trusts bundle ${acknowledged}, and not yet ${wanted}`;
  if (announced !== null) return `${name} has not taken bundle ${wanted}: see clustermesh diagnose there`;
  return (
    `${name} takes no bundles, or is not connected: where it is a plain Cilium cluster or an older version, put ca/ca.pem into ` +
    'its trust store by hand, then go on with --force'
  );
}

/** A server of before does not know the field. */
const agentsOf = ({ agents }: { readonly agents?: readonly AgentTrustEntry[] }): readonly AgentTrustEntry[] =>
  agents ?? [];

/** An agent that does not say is not waited for: those of before never would. */
const lacks = (accepted: readonly string[] | null, wanted: readonly string[]): boolean =>
  accepted !== null && wanted.some((authority) => !accepted.includes(authority));

const samePins = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((pin) => b.includes(pin));

const distinct = (texts: readonly string[]): readonly string[] => [...new Set(texts)];
