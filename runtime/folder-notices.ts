// What tells that something in some folders may have changed: notifications of the file system, and a bell that they ring. What they name
// is looked at, and what they do not tell is found by who looks at everything now and then (watched-folder.ts).

import { type FSWatcher, watch } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from './clock.ts';

/** A sign that may come before anybody waits for it. */
export class Bell {
  /** Undefined where it may be anything. */
  #named: Set<string> | undefined = new Set();
  #wake = (): void => {};

  /** For the file at that path, or for whatever it may be. */
  ring(path: string | undefined): void {
    if (path === undefined) this.#named = undefined;
    else this.#named?.add(path);
    this.#wake();
  }

  /** For what it has rung. */
  take(): ReadonlySet<string> | undefined {
    const named = this.#named;
    this.#named = new Set();
    return named;
  }

  async wait(clock: Clock, timeoutMs: number): Promise<void> {
    if (this.#named?.size !== 0) return;
    await new Promise<void>((resolve) => {
      const cancel = clock.after(Math.max(0, timeoutMs), resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}

/** Notifications of some folders. They are hints: a watcher that fails is made again at a later look. */
export class Watchers {
  readonly #onNotice: (path: string | undefined) => void;
  /** By path; `identity` tells a folder from another that took its place. */
  readonly #watchers = new Map<string, { readonly identity: string; readonly watcher: FSWatcher }>();

  constructor(onNotice: (path: string | undefined) => void) {
    this.#onNotice = onNotice;
  }

  /** Watches exactly these from now on; true when one of them was not watched before. */
  follow(folders: ReadonlyMap<string, string>): boolean {
    for (const [path, { identity, watcher }] of this.#watchers) {
      if (folders.get(path) === identity) continue;
      watcher.close();
      this.#watchers.delete(path);
    }
    let added = false;
    for (const [path, identity] of folders) {
      if (this.#watchers.has(path)) continue;
      try {
        const watcher = watch(path, (_, name) => this.#onNotice(name === null ? undefined : join(path, name)));
        watcher.on('error', () => {
          watcher.close();
          this.#watchers.delete(path);
        });
        this.#watchers.set(path, { identity, watcher });
        added = true;
      } catch {
        // Gone again, or out of watches: the periodic look covers it.
      }
    }
    return added;
  }

  close(): void {
    for (const { watcher } of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }
}
