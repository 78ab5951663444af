// What the manifest files say together, with the last good state of those that are broken. Pure state: it is given every
// file's reading, and gives the objects and the problems. Files are taken in path order, so that the same files always give
// the same objects, whichever came first.

import { type ClusterObject, refOf, refText } from '../objects.ts';
import type { SourceProblem } from '../port.ts';
import type { Manifest, ManifestProblem, PlacedObject } from './manifest.ts';

interface FileState {
  readonly objects: ReadonlyMap<string, PlacedObject>;
  readonly problems: readonly ManifestProblem[];
  /** It has been without errors once: what it does not define is not there. */
  readonly complete: boolean;
}

export interface ManifestContent {
  readonly objects: ReadonlyMap<string, ClusterObject>;
  readonly problems: readonly Omit<SourceProblem, 'since'>[];
  readonly complete: boolean;
}

/** 250,000 endpoints with their pods are what the largest published tests of this kind of mesh hold. */
const OBJECTS_MAX = 500_000;

const NOTHING: FileState = { objects: new Map(), problems: [], complete: false };

export class ManifestFiles {
  readonly #files = new Map<string, FileState>();
  /** There has been a file, whatever it held. */
  #begun = false;

  get begun(): boolean {
    return this.#begun;
  }

  get paths(): Iterable<string> {
    return this.#files.keys();
  }

  /** Objects without errors are taken; a file with any error loses nothing of what it held before. */
  take(file: string, manifest: Manifest): void {
    this.#begun = true;
    const before = this.#files.get(file) ?? NOTHING;
    const objects = new Map<string, PlacedObject>();
    const problems = [...manifest.problems];
    for (const placed of manifest.objects) {
      const ref = refText(refOf(placed.object));
      const first = objects.get(ref);
      if (first === undefined) objects.set(ref, placed);
      else problems.push(duplicate(placed, `line ${first.line} of this file`));
    }
    const broken = manifest.problems.some(({ severity }) => severity === 'error');
    this.#files.set(file, {
      objects: broken ? new Map([...before.objects, ...objects]) : objects,
      problems,
      complete: before.complete || !broken,
    });
  }

  takeUnreadable(file: string, reason: string): void {
    this.#begun = true;
    const before = this.#files.get(file) ?? NOTHING;
    this.#files.set(file, { ...before, problems: [wholeFile('SOURCE_UNREADABLE', reason)] });
  }

  remove(file: string): void {
    this.#files.delete(file);
  }

  content(objectsMax = OBJECTS_MAX): ManifestContent {
    const objects = new Map<string, ClusterObject>();
    const owners = new Map<string, string>();
    const problems: Omit<SourceProblem, 'since'>[] = [];
    let complete = this.#begun;
    for (const [file, state] of [...this.#files].sort(([a], [b]) => (a < b ? -1 : 1))) {
      complete &&= state.complete;
      problems.push(...state.problems.map((problem) => ({ file, ...problem })));
      let dropped = 0;
      for (const [ref, placed] of state.objects) {
        const owner = owners.get(ref);
        if (owner !== undefined) problems.push({ file, ...duplicate(placed, owner) });
        else if (objects.size >= objectsMax) dropped += 1;
        else {
          objects.set(ref, placed.object);
          owners.set(ref, file);
        }
      }
      if (dropped > 0) {
        const reason = `${dropped} objects are left out: there are more than ${objectsMax}`;
        problems.push({ file, ...wholeFile('SOURCE_LIMIT', reason) });
        complete = false;
      }
    }
    return { objects, problems, complete };
  }
}

function duplicate({ object, line, column }: PlacedObject, where: string): ManifestProblem {
  const reason = `is defined in ${where} too, which counts`;
  const place = { line, column, object: refText(refOf(object)), field: '' };
  return { severity: 'error', code: 'SOURCE_DUPLICATE', ...place, reason, hint: 'remove one of them' };
}

function wholeFile(code: 'SOURCE_UNREADABLE' | 'SOURCE_LIMIT', reason: string): ManifestProblem {
  return { severity: 'error', code, line: 1, column: 1, object: undefined, field: '', reason, hint: undefined };
}
