// One Kubernetes object of a document as ours, by kind. What we do not read is not checked; kinds that we do not know are not
// ours to judge. Which fields count, and with which defaults, is Kubernetes' API.

import { namespaceIntent } from '../annotations.ts';
import type { ClusterObject, NamespaceObject, ObjectKind } from '../objects.ts';
import type { Fields } from './fields.ts';
import { readEndpointSlice } from './read-endpoint-slice.ts';
import { readMeta, warnOfAnnotations } from './read-meta.ts';
import { readNode } from './read-node.ts';
import { readPod } from './read-pod.ts';
import { readService } from './read-service.ts';

/** Group of the API to which a kind of ours belongs: others have kinds of the same name. */
const GROUPS: Readonly<Record<ObjectKind, string>> = {
  Namespace: '',
  Service: '',
  EndpointSlice: 'discovery.k8s.io',
  Node: '',
  Pod: '',
};

export function isOurKind(apiVersion: string, kind: string): kind is ObjectKind {
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
  return Object.hasOwn(GROUPS, kind) && GROUPS[kind as ObjectKind] === group;
}

/** Always gives an object; what is wrong with it is among the problems of `fields`. */
export function readObject(kind: ObjectKind, fields: Fields): ClusterObject {
  switch (kind) {
    case 'Namespace':
      return readNamespace(fields);
    case 'Service':
      return readService(readMeta(fields, { namespaced: true }), fields);
    case 'EndpointSlice':
      return readEndpointSlice(readMeta(fields, { namespaced: true }), fields);
    case 'Node':
      return readNode(readMeta(fields, { namespaced: false }), fields);
    case 'Pod':
      return readPod(readMeta(fields, { namespaced: true }), fields);
    default:
      return kind satisfies never;
  }
}

function readNamespace(fields: Fields): NamespaceObject {
  const { name, labels, annotations } = readMeta(fields, { namespaced: false });
  warnOfAnnotations(fields, namespaceIntent(annotations).problems);
  return { kind: 'Namespace', name, labels, annotations };
}
