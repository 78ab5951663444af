// Services of the measured cluster itself, as manifests in the folder that its API server follows: many small ones, and a large one in
// slices as Kubernetes cuts them. They have backends in no other cluster.

import type { LabCluster } from '../../lab/cluster.ts';
import { type Manifest, ManifestFolder, namespaceManifest, serviceManifest } from '../../lab/manifests.ts';
import { serviceKey } from '../../mesh/model/names.ts';
import { podAddress } from '../offline-mesh.ts';
import type { READER } from './stage.ts';

const OWN_NAMESPACE = 'own';
const LARGE_NAME = 'large';
export const LARGE_KEY = serviceKey(OWN_NAMESPACE, LARGE_NAME);
/** Kubernetes' own default. */
const SLICE_ENDPOINTS_MAX = 100;
const SMALL_SERVICES = 50;
const SMALL_BACKENDS = 10;
const PORT = 8080;
/** Behind those of the services that all clusters have. */
const FIRST_ADDRESS = 150;

/** An EndpointSlice of the large service has one endpoint more than usual, or is as usual again. */
export interface SliceChange {
  readonly at: number;
  readonly slice: string;
  readonly address: string;
  readonly gains: boolean;
}

export class OwnServices {
  readonly backends: number;
  readonly #folder: ManifestFolder;
  readonly #reader: typeof READER;
  readonly #large: number;
  readonly #written: Manifest[] = [];

  constructor(cluster: LabCluster, reader: typeof READER, large: number) {
    this.#folder = new ManifestFolder(cluster.folder.manifests);
    this.#reader = reader;
    this.#large = large;
    this.backends = SMALL_SERVICES * SMALL_BACKENDS + large;
  }

  /** Of the large service, in all of its slices. */
  get slices(): number {
    return Math.ceil(this.#large / SLICE_ENDPOINTS_MAX);
  }

  write(): void {
    this.#apply(namespaceManifest(OWN_NAMESPACE));
    for (let at = 0; at < SMALL_SERVICES; at += 1) {
      this.#apply(
        this.#service(`small-${at}`, at + 1),
        this.#slice(`small-${at}`, 0, at * SMALL_BACKENDS, SMALL_BACKENDS),
      );
    }
    this.#apply(this.#service(LARGE_NAME, 0));
    for (let slice = 0; slice < this.slices; slice += 1) this.#apply(this.#largeSlice(slice, 0));
  }

  changeOf(at: number, gains: boolean): SliceChange {
    const { first, usual } = this.#placeOf(at);
    return { at, slice: `${LARGE_NAME}-${at}`, address: podAddress(this.#reader.id, first + usual), gains };
  }

  change({ at, gains }: SliceChange): void {
    this.#folder.apply(this.#largeSlice(at, gains ? 1 : 0));
  }

  remove(): void {
    this.#folder.remove(...this.#written);
  }

  #apply(...manifests: readonly Manifest[]): void {
    this.#folder.apply(...manifests);
    this.#written.push(...manifests);
  }

  #service(name: string, at: number): Manifest {
    return serviceManifest({
      namespace: OWN_NAMESPACE,
      name,
      clusterIP: `${this.#reader.servicePrefix}.${FIRST_ADDRESS + at}`,
      port: 80,
      targetPort: PORT,
      global: true,
      shared: true,
      affinity: 'none',
    });
  }

  #largeSlice(slice: number, more: number): Manifest {
    const { first, usual } = this.#placeOf(slice);
    return this.#slice(LARGE_NAME, slice, first, usual + more);
  }

  /** Beside its usual endpoints, each slice has room for one that no other has. */
  #placeOf(slice: number): { readonly first: number; readonly usual: number } {
    return {
      first: SMALL_SERVICES * SMALL_BACKENDS + slice * (SLICE_ENDPOINTS_MAX + 1),
      usual: Math.min(SLICE_ENDPOINTS_MAX, this.#large - slice * SLICE_ENDPOINTS_MAX),
    };
  }

  #slice(service: string, slice: number, first: number, count: number): Manifest {
    return {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        namespace: OWN_NAMESPACE,
        name: `${service}-${slice}`,
        labels: { 'kubernetes.io/service-name': service },
      },
      addressType: 'IPv4',
      ports: [{ name: 'http', protocol: 'TCP', port: PORT }],
      endpoints: Array.from({ length: count }, (_, at) => ({
        addresses: [podAddress(this.#reader.id, first + at)],
        conditions: { ready: true, serving: true, terminating: false },
        nodeName: this.#reader.nodes[0],
      })),
    };
  }
}
