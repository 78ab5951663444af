// How large the played mesh is, and how it changes.

export interface MeshSize {
  readonly clusters: number;
  /** In each cluster, as all below. */
  readonly nodes: number;
  readonly identities: number;
  readonly endpoints: number;
  readonly services: number;
  readonly backends: number;
}

/** The reference's own scale test, and the services that it leaves out. */
export const FULL: MeshSize = {
  clusters: 250,
  nodes: 100,
  identities: 100,
  endpoints: 1_000,
  services: 20,
  backends: 50,
};

/** What runs in CI in less than a minute. */
export const SHORT: MeshSize = { clusters: 10, nodes: 20, identities: 20, endpoints: 200, services: 5, backends: 20 };

/** What addresses and numbers there are: of pods in a /16, of nodes in a /22, of the reader's own services, of identities in 16 bits. */
const LIMITS = { pods: 65_000, nodes: 1_000, services: 100, identities: 65_000 };

/** Why it cannot be played, with a service of `large` backends beside it. */
export function unplayable({ nodes, identities, endpoints, services, backends }: MeshSize, large: number) {
  if (services * backends > endpoints) {
    // Each is a row of the maps.
    return 'every backend is an endpoint of its own: services × backends may not be more than endpoints';
  }
  if (endpoints + large > LIMITS.pods) return `endpoints and --large may be ${LIMITS.pods} together`;
  if (nodes > LIMITS.nodes) return `a cluster may have ${LIMITS.nodes} nodes`;
  if (services > LIMITS.services) return `there may be ${LIMITS.services} services`;
  if (identities > LIMITS.identities) return `a cluster may have ${LIMITS.identities} identities`;
  return undefined;
}

export const remoteBackends = ({ clusters, services, backends }: MeshSize): number => clusters * services * backends;
