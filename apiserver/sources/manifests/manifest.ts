// The text of a manifest file as objects and problems. Pure, apart from pauses in long files. An object with an error in it is
// not taken; a warning does not hold it back. Documents that have not changed since the last reading are not parsed again.

import { setImmediate } from 'node:timers/promises';
import { type ClusterObject, objectKey } from '../objects.ts';
import type { SourceProblem } from '../port.ts';
import { type ParsedSegment, type Place, type PlacedDocument, parseSegment, splitDocuments } from './documents.ts';
import { type FieldPath, type FieldProblem, Fields, pathText } from './fields.ts';
import { isOurKind, readObject } from './read-object.ts';

export interface PlacedObject extends Place {
  readonly object: ClusterObject;
}

export type ManifestProblem = Omit<SourceProblem, 'file' | 'since'>;

export interface Manifest {
  readonly objects: readonly PlacedObject[];
  readonly problems: readonly ManifestProblem[];
  /** Kinds that were passed over, as `apiVersion kind`. */
  readonly ignored: ReadonlySet<string>;
}

/** What the segments of a file said at the last reading, by their text. */
export type ManifestCache = ReadonlyMap<string, Manifest>;

/** About 30 ms of parsing: then heartbeats and answers to agents have their turn. */
const PAUSE_AFTER_CHARACTERS = 32 * 1024;

/** Nobody nests them; an alias could nest one in itself. */
const LIST_DEPTH_MAX = 2;

/**
 * A file of nothing at all is what `kubectl get … > file` leaves until it answers, and when it fails, and what a full disk leaves:
 * never a reason to withdraw what the file held.
 */
const EMPTY: Manifest = {
  objects: [],
  problems: [
    {
      severity: 'error',
      code: 'SOURCE_SYNTAX',
      ...{ line: 1, column: 1, object: undefined, field: '' },
      reason: 'is empty',
      hint: 'delete the file, or leave a comment in it, where it is to define nothing',
    },
  ],
  ignored: new Set(),
};

export async function readManifest(
  text: string,
  before: ManifestCache,
): Promise<{ readonly manifest: Manifest; readonly cache: ManifestCache }> {
  if (text.trim() === '') return { manifest: EMPTY, cache: new Map() };
  const cache = new Map<string, Manifest>();
  const parts: Manifest[] = [];
  let parsed = 0;
  for (const segment of splitDocuments(text)) {
    let read = before.get(segment.text) ?? cache.get(segment.text);
    if (read === undefined) {
      if (parsed > PAUSE_AFTER_CHARACTERS) {
        await setImmediate();
        parsed = 0;
      }
      read = readSegment(parseSegment(segment.text));
      parsed += segment.text.length;
    }
    cache.set(segment.text, read);
    parts.push(moved(read, segment.linesBefore));
  }
  return { manifest: joined(parts), cache };
}

function readSegment({ documents, problems }: ParsedSegment): Manifest {
  const syntax = problems.map(
    ({ line, column, reason, hint }): ManifestProblem => ({
      severity: 'error',
      code: 'SOURCE_SYNTAX',
      ...{ line, column, object: undefined, field: '', reason, hint },
    }),
  );
  return joined([{ objects: [], problems: syntax, ignored: new Set() }, ...documents.map(readDocument)]);
}

function readDocument(document: PlacedDocument): Manifest {
  const objects: PlacedObject[] = [];
  const problems: ManifestProblem[] = [];
  const ignored = new Set<string>();
  const read = (value: unknown, path: FieldPath, depth: number, impliedKind?: string): void => {
    const found: FieldProblem[] = [];
    const fields = new Fields(value, path, found);
    const kind = fields.map().at('kind').text() ?? impliedKind ?? '';
    const apiVersion = fields.at('apiVersion').text() ?? (impliedKind === undefined ? '' : impliedVersion(impliedKind));
    if (found.length === 0 && kind === '') fields.at('kind').fail('is missing', 'write the object as for kubectl');
    else if (found.length === 0 && apiVersion === '') fields.at('apiVersion').fail('is missing');
    const broken = found.length > 0;
    if (!broken && kind.endsWith('List') && !fields.at('items').absent) {
      const itemKind = kind === 'List' ? undefined : kind.slice(0, -'List'.length);
      if (depth === LIST_DEPTH_MAX)
        fields.at('items').fail('is a list in a list in a list', 'write the objects as documents');
      else for (const item of fields.at('items').items()) read(item.value, item.path, depth + 1, itemKind);
    } else if (!broken && isOurKind(apiVersion, kind)) {
      const object = readObject(kind, fields);
      if (!found.some(({ severity }) => severity === 'error')) objects.push({ object, ...document.placeOf(path) });
      problems.push(...found.map((problem) => placed(problem, document, path, `${kind} ${objectKey(object)}`)));
      return;
    } else if (!broken) ignored.add(`${apiVersion} ${kind}`);
    problems.push(...found.map((problem) => placed(problem, document, path, undefined)));
  };
  read(document.value, [], 0);
  return { objects, problems, ignored };
}

/** Lists of one kind, as the API answers them, leave out the items' kind and version. */
const impliedVersion = (kind: string): string => (kind === 'EndpointSlice' ? 'discovery.k8s.io/v1' : 'v1');

function placed(
  { severity, code, path, reason, hint }: FieldProblem,
  document: PlacedDocument,
  objectPath: FieldPath,
  object: string | undefined,
): ManifestProblem {
  const field = pathText(path.slice(objectPath.length));
  return { severity, code, ...document.placeOf(path), object, field, reason, hint };
}

function moved(manifest: Manifest, lines: number): Manifest {
  if (lines === 0) return manifest;
  const move = <T extends Place>(placed: T): T => ({ ...placed, line: placed.line + lines });
  return { ...manifest, objects: manifest.objects.map(move), problems: manifest.problems.map(move) };
}

const joined = (parts: readonly Manifest[]): Manifest => ({
  objects: parts.flatMap(({ objects }) => objects),
  problems: parts.flatMap(({ problems }) => problems),
  ignored: new Set(parts.flatMap(({ ignored }) => [...ignored])),
});
