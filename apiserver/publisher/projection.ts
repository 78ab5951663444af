// From the cluster's objects to what should stand in etcd: says for each touched service, node and pod what its keys are to
// be. It reads the objects anew for every unit of work; an event only says which unit. Numbers for new label sets are
// allocated on the way, so a pod's address is never published without its identity.

import type { IpAddress, ServiceKey } from '../../mesh/model/names.ts';
import type { LocalService } from '../../mesh/model/service.ts';
import { clusterServiceKey } from '../../mesh/wire/cluster-service.ts';
import { labelText } from '../../mesh/wire/identity.ts';
import { ipIdentityKind, ipKey } from '../../mesh/wire/ip-identity.ts';
import { localServiceKey } from '../../mesh/wire/local-service.ts';
import { nodeKey, nodeKind } from '../../mesh/wire/node.ts';
import { serviceSpecKey, serviceSpecKind } from '../../mesh/wire/service-spec.ts';
import { allRefs } from '../sources/object-table.ts';
import type { ClusterObjects, ObjectRef } from '../sources/objects.ts';
import { ServiceSlices } from '../sources/service-slices.ts';
import type { WholePace } from '../whole-pace.ts';
import { identityLabels } from './convert/identity-labels.ts';
import { hostAddress, ipIdentityRecord, publishedAddresses } from './convert/ip.ts';
import { isGlobalNamespace } from './convert/namespaces.ts';
import { nodeRecord } from './convert/node.ts';
import { localHead } from './convert/service.ts';
import { serviceSpec } from './convert/service-spec.ts';
import type { Identities } from './identities.ts';
import { PodClaims } from './pod-claims.ts';
import { ServicePieces } from './service-pieces.ts';
import type { ClusterSettings } from './settings.ts';

/**
 * What is worked on at once: `service ns/name`, `slice ns/name/slice`, `whole ns/name` (only the value with all backends, which had to
 * wait), `node name` or `pod ns/name`.
 */
export type Unit = `${'service' | 'slice' | 'whole' | 'node' | 'pod'} ${string}`;

export interface ProjectionDeps {
  readonly objects: ClusterObjects;
  readonly cluster: ClusterSettings;
  readonly identities: Pick<Identities, 'numbers' | 'allocate'>;
  /** Undefined: the key must not exist. */
  readonly set: (key: string, value: Uint8Array | undefined) => void;
  /** Of values with all backends of a service. A unit follows for those that must wait. */
  readonly pace: Pick<WholePace, 'mayWrite'>;
}

export class Projection {
  readonly #deps: ProjectionDeps;
  readonly #slices: ServiceSlices;
  readonly #pieces: ServicePieces;
  readonly #claims = new PodClaims();
  readonly #hosts = new Map<string, string>();

  constructor(deps: ProjectionDeps) {
    this.#deps = deps;
    this.#slices = new ServiceSlices(deps.objects);
    this.#pieces = new ServicePieces({ ...deps, slices: this.#slices });
  }

  /** A service's unit takes in all its slices. */
  all(): ReadonlySet<Unit> {
    const units = this.touchedBy(allRefs(this.#deps.objects));
    return new Set([...units].filter((unit) => !unit.startsWith('slice ')));
  }

  /** The units to look at again after a change of these objects. */
  touchedBy(refs: readonly ObjectRef[]): ReadonlySet<Unit> {
    const units = new Set<Unit>();
    const { services, slices } = this.#slices.touchedBy(refs);
    for (const service of services) units.add(`service ${service}`);
    for (const { service, slice } of slices) units.add(`slice ${service}/${slice}`);
    const movedNodes = new Set<string>();
    const namespaces = new Set<string>();
    for (const { kind, key } of refs) {
      if (kind === 'Pod') units.add(`pod ${key}`);
      else if (kind === 'Namespace') namespaces.add(key);
      else if (kind === 'Node') {
        units.add(`node ${key}`);
        if (this.#hostMoved(key)) movedNodes.add(key);
      }
    }
    // One look at all pods, however many nodes and namespaces there are.
    if (movedNodes.size + namespaces.size === 0) return units;
    for (const [key, { namespace, nodeName }] of this.#deps.objects.pods) {
      if (namespaces.has(namespace) || (nodeName !== undefined && movedNodes.has(nodeName))) units.add(`pod ${key}`);
    }
    return units;
  }

  isUsed(labels: string): boolean {
    return this.#claims.isUsed(labels);
  }

  /** Says what the keys of these units are to be. Gives the pods for whose labels there was no number. */
  async project(units: readonly Unit[], signal: AbortSignal): Promise<readonly Unit[]> {
    const pods = units.filter((unit) => unit.startsWith('pod ')).map((unit) => unit.slice('pod '.length));
    const labelSets = pods.flatMap((pod) => this.#claimOf(pod)?.labels ?? []);
    const exhausted = await this.#deps.identities.allocate(labelSets, signal);
    for (const pod of pods) for (const address of this.#claims.set(pod, this.#claimOf(pod))) this.#address(address);
    this.#services(units);
    for (const unit of units) if (unit.startsWith('node ')) this.#node(unit.slice('node '.length));
    if (exhausted.size === 0) return [];
    return pods.filter((pod) => exhausted.has(this.#claimOf(pod)?.labels ?? '')).map((pod): Unit => `pod ${pod}`);
  }

  /** Pieces go before the values with all backends: whoever reads them does not wait for those. */
  #services(units: readonly Unit[]): void {
    const whole = new Set<ServiceKey>();
    for (const unit of units) {
      const [kind, name = ''] = unit.split(' ');
      if (kind === 'service') this.#service(name as ServiceKey);
      if (kind === 'service' || kind === 'whole') whole.add(name as ServiceKey);
      else if (kind === 'slice') whole.add(this.#slice(name));
    }
    for (const service of whole) this.#whole(service);
  }

  #service(key: ServiceKey): void {
    const { objects, cluster, set } = this.#deps;
    const service = objects.services.get(key);
    const head = this.#headOf(key);
    const spec = head && service && serviceSpec(service, head, cluster);
    this.#pieces.setService(key, head);
    set(serviceSpecKey(cluster.name, key), spec && serviceSpecKind.encode(spec));
  }

  #slice(name: string): ServiceKey {
    const slash = name.lastIndexOf('/');
    const service = name.slice(0, slash) as ServiceKey;
    this.#pieces.setSlice({ service, slice: name.slice(slash + 1) });
    return service;
  }

  #whole(key: ServiceKey): void {
    const { cluster, set, pace } = this.#deps;
    if (!pace.mayWrite(key, this.#pieces.backendsOf(key))) return;
    set(localServiceKey(key), this.#pieces.wholeForView(key));
    set(clusterServiceKey(cluster.name, key), this.#pieces.wholeForPeers(key));
  }

  /** Undefined: the service takes no part in the mesh. */
  #headOf(key: ServiceKey): LocalService | undefined {
    const service = this.#deps.objects.services.get(key);
    return service !== undefined && this.#isGlobal(service.namespace) ? localHead(service) : undefined;
  }

  #node(name: string): void {
    const { objects, cluster, set } = this.#deps;
    const node = objects.nodes.get(name);
    set(nodeKey(cluster.name, name), node && nodeKind.encode(nodeRecord(cluster, node)));
  }

  /** An address without a number for its labels is not published: unknown is better than another's identity. */
  #address(address: IpAddress): void {
    const { objects, identities, set } = this.#deps;
    const holder = this.#claims.holderOf(address);
    const pod = holder && objects.pods.get(holder.pod);
    const identity = holder && identities.numbers.get(holder.claim.labels);
    if (pod === undefined || identity === undefined) {
      set(ipKey(address), undefined);
      return;
    }
    const host = hostAddress(pod, pod.nodeName === undefined ? undefined : objects.nodes.get(pod.nodeName));
    set(ipKey(address), ipIdentityKind.encode(ipIdentityRecord(pod, address, { identity, host })));
  }

  #claimOf(key: string): { readonly labels: string; readonly addresses: readonly IpAddress[] } | undefined {
    const { objects, cluster } = this.#deps;
    const pod = objects.pods.get(key);
    if (pod === undefined || !this.#isGlobal(pod.namespace)) return undefined;
    const addresses = publishedAddresses(pod);
    if (addresses.length === 0) return undefined;
    const namespaceLabels = objects.namespaces.get(pod.namespace)?.labels ?? {};
    return { labels: labelText(identityLabels(pod, namespaceLabels, cluster.name)), addresses };
  }

  #isGlobal(namespace: string): boolean {
    const { objects, cluster } = this.#deps;
    return isGlobalNamespace(objects, namespace, cluster.defaultGlobalNamespace);
  }

  /** Nodes change all the time; what their pods' records say of them hardly ever does. */
  #hostMoved(node: string): boolean {
    const object = this.#deps.objects.nodes.get(node);
    const internal = object?.addresses.filter(({ type }) => type === 'InternalIP') ?? [];
    const now = internal.map(({ address }) => address).join();
    const before = this.#hosts.get(node) ?? '';
    if (now === '') this.#hosts.delete(node);
    else this.#hosts.set(node, now);
    return before !== now;
  }
}
