// The port to the local cluster's objects. Adapter: manifests/ (a watched folder of files). Informers of the Kubernetes API
// fit behind it: they keep `objects` current and say which of them to look at again.

import type { ClusterObjects, ObjectRef } from './objects.ts';

export type SourceProblemCode =
  /** The file cannot be read, or is larger than the limit. */
  | 'SOURCE_UNREADABLE'
  /** Not YAML or JSON. */
  | 'SOURCE_SYNTAX'
  /** A field is missing or not what it must be. */
  | 'SOURCE_FIELD'
  /** An annotation says something that nobody understands; what applies instead is in the reason. */
  | 'SOURCE_ANNOTATION'
  /** Another file defines the object, and wins. */
  | 'SOURCE_DUPLICATE'
  /** Nothing is there, and never was since the start: as where a file system is not mounted yet. */
  | 'SOURCE_EMPTY'
  /** More objects than the limit. */
  | 'SOURCE_LIMIT';

/** Something wrong in what the source reads. `file`, `line`, `column` say where; lines and columns count from 1. */
export interface SourceProblem {
  readonly severity: 'error' | 'warning';
  readonly code: SourceProblemCode;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** `Service test/echo`; absent when the object cannot be told. */
  readonly object: string | undefined;
  /** `spec.ports[0].port`; empty for the file or the whole object. */
  readonly field: string;
  readonly reason: string;
  readonly hint: string | undefined;
  /** Milliseconds since the epoch at which it was first seen. */
  readonly since: number;
}

export interface Source {
  readonly objects: ClusterObjects;
  readonly problems: readonly SourceProblem[];
  /**
   * False while something has been unreadable ever since the start, or nothing was there: then an object's absence says nothing,
   * and what was published of it before must stay.
   */
  readonly complete: boolean;
  /**
   * The listener is told which objects to look at again, after `objects` has changed, and with none when only `complete` has.
   * The returned function ends it.
   */
  subscribe(listener: (refs: readonly ObjectRef[]) => void): () => void;
  /** Resolves when everything has been read once. */
  readonly ready: Promise<void>;
  /** Keeps `objects` current until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}
