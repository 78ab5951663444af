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

/** Every backend is an endpoint of its own, so that each is a row of the maps. */
export const isPlayable = ({ services, backends, endpoints }: MeshSize): boolean => services * backends <= endpoints;

export const remoteBackends = ({ clusters, services, backends }: MeshSize): number => clusters * services * backends;
