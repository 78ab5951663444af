// Notifications that one of some files may have changed. The folders are watched, since files get replaced; a folder in which something
// came or went is watched anew at the next call, because it may be the folder itself that went. Notifications are hints: who uses
// this looks now and then without one.

import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname } from 'node:path';

export class FolderWatches {
  readonly #onChange: () => void;
  readonly #watchers = new Map<string, FSWatcher>();
  /** Folders that may be others than those that are watched. */
  readonly #doubtful = new Set<string>();
  #names: ReadonlySet<string> = new Set();

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** Watches these files and no others. What changes from now on is told. */
  follow(paths: readonly string[]): void {
    this.#names = new Set(paths.map((path) => basename(path)));
    const folders = new Set(paths.map((path) => dirname(path)));
    for (const folder of this.#watchers.keys()) {
      if (!folders.has(folder) || this.#doubtful.has(folder)) this.#drop(folder);
    }
    for (const folder of folders) if (!this.#watchers.has(folder)) this.#watch(folder);
  }

  /** Something changed and nobody was told: everything is watched anew at the next call. */
  doubt(): void {
    for (const folder of this.#watchers.keys()) this.#doubtful.add(folder);
  }

  close(): void {
    for (const folder of this.#watchers.keys()) this.#drop(folder);
  }

  #watch(folder: string): void {
    try {
      const watcher = watch(folder, (event, name) => {
        if (event === 'rename') this.#doubtful.add(folder);
        // A folder may be full of other people's files. Kubernetes swaps `..data`, which the files are links into.
        if (name === null || this.#names.has(name) || name.startsWith('..')) this.#onChange();
      });
      watcher.on('error', () => this.#doubtful.add(folder));
      this.#watchers.set(folder, watcher);
    } catch {
      // A folder that is not there yet, or no room for another watch: looking without a notification covers it.
    }
  }

  #drop(folder: string): void {
    this.#watchers.get(folder)?.close();
    this.#watchers.delete(folder);
    this.#doubtful.delete(folder);
  }
}
