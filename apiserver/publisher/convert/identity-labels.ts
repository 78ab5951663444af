// The labels that make a pod's security identity: those of the pod that say what it is, and not which copy of it, with its
// namespace, service account and cluster. The same pods must get the same labels here as from a Cilium agent, so the filter is
// the field's default (Cilium's "identity-relevant labels").

import { type LabelSet, POD_NAMESPACE_LABEL, POLICY_CLUSTER_LABEL } from '../../../mesh/model/identity.ts';
import type { ClusterName } from '../../../mesh/model/names.ts';
import type { PodObject, TextMap } from '../../sources/objects.ts';

const SERVICE_ACCOUNT_LABEL = 'k8s:io.cilium.k8s.policy.serviceaccount';
const NAMESPACE_LABEL_PREFIX = 'k8s:io.cilium.k8s.namespace.labels.';

/** Kept although an exclusion below may match. */
const RELEVANT = /^app\.kubernetes\.io/;

/** Labels that differ from pod to pod of one workload, or that describe where it runs: an identity each would be useless. */
const IRRELEVANT: readonly RegExp[] = [
  /^io\.kubernetes/,
  /^kubernetes\.io/,
  /^statefulset\.kubernetes\.io\/pod-name/,
  /^apps\.kubernetes\.io\/pod-index/,
  /^batch\.kubernetes\.io\/job-completion-index/,
  /^batch\.kubernetes\.io\/controller-uid/,
  /^.*beta\.kubernetes\.io/,
  /^k8s\.io/,
  /^pod-template-generation/,
  /^pod-template-hash/,
  /^controller-revision-hash/,
  /^annotation.*/,
  /^controller-uid/,
  /^etcd_node/,
];

export const isIdentityRelevant = (label: string): boolean =>
  RELEVANT.test(label) || !IRRELEVANT.some((pattern) => pattern.test(label));

/** Sorted, each once. */
export function identityLabels(pod: PodObject, namespaceLabels: TextMap, cluster: ClusterName): LabelSet {
  const own = Object.entries(pod.labels).filter(([name]) => isIdentityRelevant(name));
  const labels = [
    ...own.map(([name, value]) => `k8s:${name}=${value}`),
    ...Object.entries(namespaceLabels).map(([name, value]) => `${NAMESPACE_LABEL_PREFIX}${name}=${value}`),
    `${POLICY_CLUSTER_LABEL}=${cluster}`,
    `${SERVICE_ACCOUNT_LABEL}=${pod.serviceAccount}`,
    `${POD_NAMESPACE_LABEL}=${pod.namespace}`,
  ];
  return labels.sort();
}
