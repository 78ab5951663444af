// What the objects of all kinds have in common: their names, labels and annotations.

import { isDnsLabel, isDnsSubdomain } from '../../../mesh/model/names.ts';
import type { AnnotationProblem } from '../annotations.ts';
import type { TextMap } from '../objects.ts';
import type { Fields } from './fields.ts';

export interface ObjectMeta {
  /** Empty for kinds without namespaces. */
  readonly namespace: string;
  readonly name: string;
  readonly labels: TextMap;
  readonly annotations: TextMap;
}

/** As kubectl: an object that names no namespace is in this one. */
const DEFAULT_NAMESPACE = 'default';

export function readMeta(fields: Fields, { namespaced }: { readonly namespaced: boolean }): ObjectMeta {
  const metadata = fields.at('metadata').map();
  const name = metadata.at('name').requiredText();
  if (name !== '' && !isDnsSubdomain(name)) {
    metadata.at('name').fail(`"${name}" is not a name: lower-case letters, digits, "-" and "."`);
  }
  const given = metadata.at('namespace');
  const namespace = namespaced ? given.text() || DEFAULT_NAMESPACE : '';
  if (namespaced && !isDnsLabel(namespace)) {
    given.fail(`"${namespace}" is not a namespace: lower-case letters, digits and "-"`);
  }
  return {
    namespace,
    name,
    labels: metadata.at('labels').textMap(),
    annotations: metadata.at('annotations').textMap(),
  };
}

export function warnOfAnnotations(fields: Fields, problems: readonly AnnotationProblem[]): void {
  const annotations = fields.at('metadata').at('annotations');
  for (const { annotation, reason } of problems) {
    annotations.at(annotation).warn(reason, undefined, 'SOURCE_ANNOTATION');
  }
}
