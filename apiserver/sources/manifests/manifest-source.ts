// The local cluster's objects from a watched folder of manifest files (YAML or JSON, several documents each): for clusters
// without Kubernetes, and for tests. A broken file keeps the last good state of its objects and is reported with file, line
// and reason until it is mended.

import type { Clock } from '../../../runtime/clock.ts';
import type { Log } from '../../../runtime/log.ts';
import { type FolderRead, watchFolder } from '../../../runtime/watched-folder.ts';
import { ObjectTable } from '../object-table.ts';
import type { ClusterObjects, ObjectRef } from '../objects.ts';
import type { Source, SourceProblem, SourceProblemCode } from '../port.ts';
import { type ManifestCache, readManifest } from './manifest.ts';
import { ManifestFiles } from './manifest-files.ts';

export interface ManifestSourceDeps {
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Log;
  /** How late a change can be noticed that the file system does not tell of. */
  readonly rescanMs?: number;
}

interface FileRead {
  readonly text: string;
  readonly cache: ManifestCache;
}

const EMPTY = 'no manifest is there, and none was since the start: what was published before stays';
const EMPTY_HINT =
  'mount what belongs there; if nothing is to be published any more, put a file there that holds a comment';

export function createManifestSource(deps: ManifestSourceDeps): Source {
  return new ManifestSource(deps);
}

class ManifestSource implements Source {
  readonly ready: Promise<void>;
  readonly #deps: ManifestSourceDeps;
  readonly #table = new ObjectTable();
  readonly #files = new ManifestFiles();
  readonly #reads = new Map<string, FileRead>();
  readonly #listeners = new Set<(refs: readonly ObjectRef[]) => void>();
  #problems: readonly SourceProblem[] = [];
  #complete = false;
  #resolveReady = (): void => {};
  #next: FolderRead | undefined;
  #applying: Promise<void> | undefined;

  constructor(deps: ManifestSourceDeps) {
    this.#deps = deps;
    this.ready = new Promise((resolve) => {
      this.#resolveReady = resolve;
    });
  }

  get objects(): ClusterObjects {
    return this.#table;
  }

  get problems(): readonly SourceProblem[] {
    return this.#problems;
  }

  get complete(): boolean {
    return this.#complete;
  }

  subscribe(listener: (refs: readonly ObjectRef[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { folder, clock, rescanMs } = this.#deps;
    const options = {
      path: folder,
      accepts: (name: string) => /\.(ya?ml|json)$/.test(name),
      recursive: true,
      clock,
      ...(rescanMs === undefined ? {} : { rescanMs }),
      onRead: (read: FolderRead) => this.#read(read),
      onUnreadable: (reason: string) => this.#folderUnreadable(reason),
    };
    await watchFolder(options, signal);
    await this.#applying;
  }

  /** Takes the newest reading; those that come while one is being parsed replace each other. */
  #read(read: FolderRead): void {
    this.#next = read;
    this.#applying ??= this.#applyAll();
  }

  async #applyAll(): Promise<void> {
    for (let read = this.#next; read !== undefined; read = this.#next) {
      this.#next = undefined;
      await this.#apply(read);
    }
    this.#applying = undefined;
  }

  async #apply({ texts, unreadable }: FolderRead): Promise<void> {
    for (const file of [...this.#files.paths]) {
      if (texts.has(file) || unreadable.has(file)) continue;
      this.#files.remove(file);
      this.#reads.delete(file);
    }
    for (const [file, reason] of unreadable) {
      this.#files.takeUnreadable(file, reason);
      this.#reads.delete(file);
    }
    for (const [file, text] of texts) {
      const before = this.#reads.get(file);
      if (before?.text === text) continue;
      const { manifest, cache } = await readManifest(text, before?.cache ?? new Map());
      this.#reads.set(file, { text, cache });
      this.#files.take(file, manifest);
      for (const kind of manifest.ignored) this.#deps.log.debug('kind in a manifest is not read', { path: file, kind });
    }
    this.#publish();
  }

  #publish(): void {
    const content = this.#files.content();
    this.#report(this.#files.begun ? content.problems : [this.#ofFolder('SOURCE_EMPTY', 'warning', EMPTY, EMPTY_HINT)]);
    const toldComplete = this.#complete === content.complete;
    this.#complete = content.complete;
    const changed = this.#table.replaceAll(content.objects);
    if (changed.length > 0 || !toldComplete) for (const listener of this.#listeners) listener(changed);
    this.#resolveReady();
  }

  #folderUnreadable(reason: string): void {
    const others = this.#problems.filter(({ file }) => file !== this.#deps.folder);
    this.#report([...others, this.#ofFolder('SOURCE_UNREADABLE', 'error', reason)]);
  }

  #ofFolder(
    code: SourceProblemCode,
    severity: SourceProblem['severity'],
    reason: string,
    hint?: string,
  ): Omit<SourceProblem, 'since'> {
    return { severity, code, file: this.#deps.folder, line: 1, column: 1, object: undefined, field: '', reason, hint };
  }

  /** Keeps the time at which a problem was first seen, and tells the log of new and of solved ones. */
  #report(found: readonly Omit<SourceProblem, 'since'>[]): void {
    const { clock, log } = this.#deps;
    const known = new Map(this.#problems.map((problem) => [problemKey(problem), problem]));
    this.#problems = found.map((problem) => ({
      ...problem,
      since: known.get(problemKey(problem))?.since ?? clock.now(),
    }));
    for (const { file: path, line, code, object, field, reason, ...problem } of this.#problems) {
      if (known.delete(problemKey({ file: path, code, object, field, reason }))) continue;
      const write = problem.severity === 'error' ? log.warn : log.info;
      write.call(log, 'problem in a manifest', { path, line, code, object, field, reason });
    }
    for (const { file: path, code, object, field, reason } of known.values()) {
      log.info('problem in a manifest is solved', { path, code, object, field, reason });
    }
  }
}

/** Without the line, which moves when something above it changes. */
const problemKey = (problem: Pick<SourceProblem, 'file' | 'code' | 'object' | 'field' | 'reason'>): string =>
  [problem.file, problem.code, problem.object, problem.field, problem.reason].join('\n');
