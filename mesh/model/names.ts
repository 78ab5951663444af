// The names and numbers that identify things across a mesh, branded so that one cannot stand where another is meant.
// Rules for cluster names and ids: Cilium v1.20 pkg/clustermesh/types.

import { err, ok, type Result } from './result.ts';

declare const brand: unique symbol;
type Branded<T, B extends string> = T & { readonly [brand]: B };

/** Cluster name: 1 to 32 characters, lower-case letters, digits and inner hyphens. */
export type ClusterName = Branded<string, 'ClusterName'>;
/** Cluster id: 1 to 255, or 1 to 511 in a mesh of the wider layout. */
export type ClusterId = Branded<number, 'ClusterId'>;
/** `namespace/name` of a Service. */
export type ServiceKey = Branded<string, 'ServiceKey'>;
/** Canonical text of an IPv4 or IPv6 address, without zone; IPv4-mapped IPv6 is written as IPv4. */
export type IpAddress = Branded<string, 'IpAddress'>;
/** Numeric security identity; the cluster id is in its upper bits (see identity.ts). */
export type NumericIdentity = Branded<number, 'NumericIdentity'>;
/** An etcd revision: positive, only comparable within one etcd cluster id. */
export type Revision = Branded<number, 'Revision'>;

export const CLUSTER_NAME_LENGTH_MAX = 32;
const CLUSTER_NAME = /^([a-z0-9][-a-z0-9]*)?[a-z0-9]$/;

/** The two layouts that exist: a mesh is for at most 255 or at most 511 clusters, the same everywhere. */
export type MaxConnectedClusters = 255 | 511;

export function parseClusterName(text: string): Result<ClusterName, string> {
  if (text.length > CLUSTER_NAME_LENGTH_MAX) return err(`longer than ${CLUSTER_NAME_LENGTH_MAX} characters`);
  if (!CLUSTER_NAME.test(text)) return err('not lower-case letters, digits and inner hyphens');
  return ok(text as ClusterName);
}

export function parseClusterId(id: number, max: MaxConnectedClusters): Result<ClusterId, string> {
  if (!Number.isInteger(id) || id < 1 || id > max) return err(`not a whole number from 1 to ${max}`);
  return ok(id as ClusterId);
}

// RFC 1123: what Kubernetes accepts for namespaces (label) and for services and nodes (subdomain).
const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

export const isDnsLabel = (text: string): boolean => DNS_LABEL.test(text);
export const isDnsSubdomain = (text: string): boolean => text.length <= 253 && DNS_SUBDOMAIN.test(text);

/** Joins without checking: the parts come from a parsed object or key. */
export const serviceKey = (namespace: string, name: string): ServiceKey => `${namespace}/${name}` as ServiceKey;

export function parseServiceKey(text: string): Result<ServiceKey, string> {
  const [namespace, name, ...rest] = text.split('/');
  if (namespace === undefined || name === undefined || rest.length > 0) return err('not of the form namespace/name');
  if (!isDnsLabel(namespace)) return err('namespace is not an RFC 1123 label');
  if (!isDnsSubdomain(name)) return err('name is not an RFC 1123 subdomain');
  return ok(text as ServiceKey);
}
