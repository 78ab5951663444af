// The annotations by which owners make a Service global, and what else is understood of them. Names and meaning are Cilium's
// (pkg/annotation); each has the older name that is still read. A value that nobody understands is a problem to report, and
// falls back to what Cilium falls back to.

import type { Affinity } from '../../mesh/model/service.ts';
import type { TextMap } from './objects.ts';

export interface AnnotationProblem {
  readonly annotation: string;
  readonly reason: string;
}

export interface ServiceIntent {
  readonly global: boolean;
  /** Whether other clusters may use the backends; a service that is not global is not shared. */
  readonly shared: boolean;
  readonly affinity: Affinity;
  readonly problems: readonly AnnotationProblem[];
}

const GLOBAL = ['service.cilium.io/global', 'io.cilium/global-service'];
const SHARED = ['service.cilium.io/shared', 'io.cilium/shared-service'];
const AFFINITY = ['service.cilium.io/affinity', 'io.cilium/service-affinity'];
// Ours: Cilium takes both from a ServiceExport, which manifests have none of.
const EXPORTED_LABELS = 'clustermesh.cilium.io/exported-labels';
const EXPORTED_ANNOTATIONS = 'clustermesh.cilium.io/exported-annotations';
const GLOBAL_NAMESPACE = ['clustermesh.cilium.io/global'];

const AFFINITIES: readonly Affinity[] = ['none', 'local', 'remote'];

export function serviceIntent(annotations: TextMap): ServiceIntent {
  const problems: AnnotationProblem[] = [];
  const global = readFlag(annotations, GLOBAL, problems) ?? false;
  const shared = readFlag(annotations, SHARED, problems) ?? true;
  const affinity = readAffinity(annotations, problems);
  return { global, shared: global && shared, affinity, problems };
}

/** The labels and annotations of a Service that its owner wants to be the same in every cluster: names with commas between. */
export function exportedNames(annotations: TextMap): {
  readonly labels: readonly string[];
  readonly annotations: readonly string[];
} {
  const names = (annotation: string) =>
    (annotations[annotation] ?? '')
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '');
  return { labels: names(EXPORTED_LABELS), annotations: names(EXPORTED_ANNOTATIONS) };
}

export interface NamespaceIntent {
  /** Absent: as the cluster's default says. */
  readonly global: boolean | undefined;
  readonly problems: readonly AnnotationProblem[];
}

export function namespaceIntent(annotations: TextMap): NamespaceIntent {
  const problems: AnnotationProblem[] = [];
  return { global: readFlag(annotations, GLOBAL_NAMESPACE, problems), problems };
}

/** The first of the names that is there: the current one hides its older alias. */
function find(
  annotations: TextMap,
  names: readonly string[],
): { readonly name: string; readonly value: string } | undefined {
  for (const name of names) {
    const value = annotations[name];
    if (value !== undefined) return { name, value };
  }
  return undefined;
}

/** Anything but `true` is false, in any case. */
function readFlag(annotations: TextMap, names: readonly string[], problems: AnnotationProblem[]): boolean | undefined {
  const found = find(annotations, names);
  if (found === undefined) return undefined;
  const value = found.value.toLowerCase();
  if (value !== 'true' && value !== 'false') {
    problems.push({ annotation: found.name, reason: `"${found.value}" is neither true nor false: taken as false` });
  }
  return value === 'true';
}

function readAffinity(annotations: TextMap, problems: AnnotationProblem[]): Affinity {
  const found = find(annotations, AFFINITY);
  if (found === undefined) return 'none';
  const value = found.value.toLowerCase();
  const affinity = AFFINITIES.find((known) => known === value);
  if (affinity === undefined) {
    problems.push({ annotation: found.name, reason: `"${found.value}" is not local, remote or none: taken as none` });
  }
  return affinity ?? 'none';
}
