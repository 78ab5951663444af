// The files of a folder as texts, read again whenever something in it may have changed. A notification only says that it is
// time to look, and at which files; a periodic look at all covers what notifications miss (network file systems, overflows). What is
// being written is not read, and what is missing for a moment (an editor that moves a file away and writes it anew) is not gone: a change
// counts once two looks in a row see the same. Nor is it gone with a file system that is unmounted.

import type { BigIntStats, Dirent } from 'node:fs';
import { lstat, readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Clock, sleep } from './clock.ts';
import { reasonOf } from './errors.ts';
import { Bell, Watchers } from './folder-notices.ts';

export interface FolderRead {
  /** Texts by absolute path, in path order. */
  readonly texts: ReadonlyMap<string, string>;
  /** Files that exist and could not be read, with the reason: what they held before still counts. */
  readonly unreadable: ReadonlyMap<string, string>;
}

export interface WatchedFolderOptions {
  readonly path: string;
  readonly accepts: (fileName: string) => boolean;
  /** Reads the folders below too. @default false */
  readonly recursive?: boolean;
  /** How late a change can be noticed that no notification came for. @default 5_000 */
  readonly rescanMs?: number;
  readonly clock: Clock;
  readonly onRead: (read: FolderRead) => void;
  /** The folder itself cannot be read: nothing is known, so nothing changes. */
  readonly onUnreadable: (reason: string) => void;
}

/** Editors and `kubectl … > file` write in pieces; a file that looks the same for this long is whole. */
const QUIET_MS = 30;
/** A file that never is quiet is read all the same after this: one that is replaced all the time must not starve. */
const UNQUIET_MS_MAX = 500;
/** Cheap: the look only asks for the files' dates. */
const RESCAN_MS = 5_000;
/** A larger file is no configuration. */
const FILE_BYTES_MAX = 8 * 1024 * 1024;
const FILES_MAX = 10_000;
const FOLDERS_MAX = 1_000;

/** Reads once, then again on every change, until the signal aborts. Never rejects. */
export async function watchFolder(options: WatchedFolderOptions, signal: AbortSignal): Promise<void> {
  const { clock, rescanMs = RESCAN_MS } = options;
  const bell = new Bell();
  const watchers = new Watchers((path) => bell.ring(path));
  const reader = new FolderReader(options);
  const stop = (): void => bell.ring(undefined);
  signal.addEventListener('abort', stop, { once: true });
  let told: 'nothing' | 'content' | { readonly failure: string } = 'nothing';
  let lookAtAllAt = Number.NEGATIVE_INFINITY;
  while (!signal.aborted) {
    const named = bell.take();
    const begunAt = clock.monotonic();
    let unsettled = false;
    try {
      const look = await reader.look(begunAt < lookAtAllAt ? named : undefined);
      if (look.folders !== undefined) {
        // What changed in a folder before it was watched has told nobody: look again.
        unsettled = watchers.follow(look.folders);
        lookAtAllAt = unsettled ? begunAt : begunAt + rescanMs;
      }
      unsettled ||= look.unsettled;
      const first = told !== 'content';
      if (first ? !look.incomplete : look.changed) {
        options.onRead(reader.read);
        told = 'content';
      }
    } catch (error) {
      const failure = reasonOf(error);
      if (typeof told !== 'object' || told.failure !== failure) options.onUnreadable(failure);
      told = { failure };
      lookAtAllAt = begunAt;
    }
    if (unsettled) await sleep(clock, QUIET_MS, signal).catch(() => {});
    else await bell.wait(clock, lookAtAllAt > begunAt ? lookAtAllAt - clock.monotonic() : rescanMs);
  }
  signal.removeEventListener('abort', stop);
  watchers.close();
}

interface FileSeen {
  /** What the file looked like when its text was read; absent before the first time. */
  accepted: string | undefined;
  text: string | undefined;
  unreadable: string | undefined;
  /** What it looked like at the last look, when that is not what was accepted. */
  pending: string | undefined;
  pendingSinceMs: number;
}

interface Look {
  readonly changed: boolean;
  /** Something was seen to change and is to be looked at again soon. */
  readonly unsettled: boolean;
  /** There is a file that could not be read yet: what is known is no whole. */
  readonly incomplete: boolean;
  /** Absent of a look at some files. */
  readonly folders: ReadonlyMap<string, string> | undefined;
}

interface Listed {
  readonly folders: ReadonlyMap<string, string>;
  readonly files: readonly string[];
  readonly ways: ReadonlySet<string>;
}

const MISSING = 'missing';
const UNMOUNTED =
  'another folder stands in its place, which is empty, as where a file system is unmounted: what was read before still counts; ' +
  'if all of it is to go, put a file there that holds a comment';

class FolderReader {
  readonly #options: WatchedFolderOptions;
  readonly #files = new Map<string, FileSeen>();
  #first = true;
  /** Folders and links, at the last look at all. */
  #ways: ReadonlySet<string> = new Set();
  /** Which folder stood there at the last look. */
  #root: string | undefined;
  read: FolderRead = { texts: new Map(), unreadable: new Map() };

  constructor(options: WatchedFolderOptions) {
    this.#options = options;
  }

  /** At these, and at those that were seen to change before; at all where `named` is undefined, or where those may not be all. */
  async look(named: ReadonlySet<string> | undefined): Promise<Look> {
    const some = named && (await this.#someWith(named));
    if (some !== undefined) return { ...(await this.#lookAtEach(some, false)), folders: undefined };
    const { folders, files, ways } = await this.#list();
    this.#ways = ways;
    this.#assertNotUnmounted(folders.get(this.#options.path), files);
    const look = await this.#lookAtEach(new Set([...this.#files.keys(), ...files]), true);
    this.#first = false;
    return { ...look, folders };
  }

  /**
   * Undefined where something else may have changed with them: where a name is that of a new file, of a folder, or of a link that others may
   * lead through, and where something is missing, as all the others may be.
   */
  async #someWith(named: ReadonlySet<string>): Promise<ReadonlySet<string> | undefined> {
    const some = new Set<string>();
    for (const path of named) {
      if (this.#files.has(path)) some.add(path);
      else if (!(await this.#isOfNoConcern(path))) return undefined;
    }
    for (const [path, { pending }] of this.#files) {
      if (pending === MISSING) return undefined;
      if (pending !== undefined) some.add(path);
    }
    return some;
  }

  /** As what a file is called while it is written, before it takes its name. */
  async #isOfNoConcern(path: string): Promise<boolean> {
    const name = basename(path);
    if (this.#ways.has(path) || (!name.startsWith('.') && this.#options.accepts(name))) return false;
    try {
      return (await lstat(path)).isFile();
    } catch (error) {
      return isGone(error);
    }
  }

  async #lookAtEach(paths: Iterable<string>, areAll: boolean): Promise<Omit<Look, 'folders'>> {
    let changed = false;
    let unsettled = false;
    for (const path of paths) {
      const outcome = await this.#lookAt(path, areAll);
      changed ||= outcome === 'changed';
      unsettled ||= outcome === 'unsettled';
    }
    if (changed) this.#rebuild();
    const incomplete = [...this.#files.values()].some(({ accepted }) => accepted === undefined);
    return { changed, unsettled, incomplete };
  }

  /** Files that are deleted are gone; those of a volume that is unmounted, or not mounted yet, are not, and leave an empty folder too. */
  #assertNotUnmounted(root: string | undefined, files: readonly string[]): void {
    const replaced = this.#root !== undefined && root !== this.#root;
    if (replaced && files.length === 0 && this.#files.size > 0) throw new Error(UNMOUNTED);
    this.#root = root;
  }

  async #list(): Promise<Listed> {
    const { path: root, recursive = false, accepts } = this.#options;
    const folders = new Map<string, string>();
    const files: string[] = [];
    const ways = new Set<string>();
    const open = [root];
    for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
      const entries = await entriesOf(folder, folder === root);
      if (entries === undefined) continue;
      folders.set(folder, entries.identity);
      if (folders.size > FOLDERS_MAX) throw new Error(`more than ${FOLDERS_MAX} folders`);
      for (const entry of entries.list) {
        const path = join(folder, entry.name);
        if (!entry.isFile()) ways.add(path);
        if (entry.name.startsWith('.')) continue;
        if (entry.isDirectory() && recursive) open.push(path);
        else if (!entry.isDirectory() && accepts(entry.name)) files.push(path);
      }
      if (files.length > FILES_MAX) throw new Error(`more than ${FILES_MAX} files`);
    }
    return { folders, files, ways };
  }

  async #lookAt(path: string, mayBeGone: boolean): Promise<'same' | 'changed' | 'unsettled'> {
    const { clock } = this.#options;
    const seen = this.#files.get(path) ?? unseen();
    this.#files.set(path, seen);
    const { stats, looks } = await appearance(path);
    if (looks === seen.accepted) {
      seen.pending = undefined;
      return 'same';
    }
    if (seen.pending === undefined) seen.pendingSinceMs = clock.monotonic();
    const quiet = looks === seen.pending || (this.#first && isOld(stats, clock));
    const overdue = clock.monotonic() - seen.pendingSinceMs >= UNQUIET_MS_MAX;
    seen.pending = looks;
    if (!quiet && !overdue) return 'unsettled';
    if (looks === MISSING) {
      if (!mayBeGone) return 'unsettled';
      this.#files.delete(path);
      return seen.accepted === undefined ? 'same' : 'changed';
    }
    return (await accept(path, seen, looks, stats)) ? 'changed' : 'unsettled';
  }

  #rebuild(): void {
    const paths = [...this.#files.keys()].sort();
    const texts = new Map<string, string>();
    const unreadable = new Map<string, string>();
    for (const path of paths) {
      const seen = this.#files.get(path);
      if (seen?.unreadable !== undefined) unreadable.set(path, seen.unreadable);
      else if (seen?.text !== undefined) texts.set(path, seen.text);
    }
    this.read = { texts, unreadable };
  }
}

/** Undefined for a folder below that is gone by now. One that cannot be read fails the look: what it holds is unknown. */
async function entriesOf(
  folder: string,
  required: boolean,
): Promise<{ readonly identity: string; readonly list: readonly Dirent[] } | undefined> {
  try {
    const { dev, ino } = await stat(folder);
    return { identity: `${dev}:${ino}`, list: await readdir(folder, { withFileTypes: true }) };
  } catch (error) {
    if (!required && isGone(error)) return undefined;
    throw error;
  }
}

const isGone = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT';

const unseen = (): FileSeen => ({
  accepted: undefined,
  text: undefined,
  unreadable: undefined,
  pending: undefined,
  pendingSinceMs: 0,
});

/** Whether a file that nobody has seen change can be taken as it is: at the start, when it was not written just now. */
function isOld(stats: BigIntStats | undefined, clock: Clock): boolean {
  const ageMs = clock.now() - Number(stats?.mtimeMs ?? 0n);
  return ageMs < 0 || ageMs > QUIET_MS;
}

async function appearance(path: string): Promise<{ readonly stats: BigIntStats | undefined; readonly looks: string }> {
  try {
    const stats = await stat(path, { bigint: true });
    return { stats, looks: `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}` };
  } catch (error) {
    return { stats: undefined, looks: isGone(error) ? MISSING : `cannot be read: ${reasonOf(error)}` };
  }
}

/** Reads the file into `seen`; false when it changed meanwhile. */
async function accept(path: string, seen: FileSeen, looks: string, stats: BigIntStats | undefined): Promise<boolean> {
  let text: string | undefined;
  let unreadable: string | undefined;
  if (stats === undefined) unreadable = looks;
  else if (!stats.isFile()) unreadable = 'not a regular file';
  else if (stats.size > FILE_BYTES_MAX) unreadable = `larger than ${FILE_BYTES_MAX} bytes`;
  else {
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      unreadable = reasonOf(error);
    }
    if ((await appearance(path)).looks !== looks) return false;
  }
  seen.accepted = looks;
  seen.pending = undefined;
  seen.text = text;
  seen.unreadable = unreadable;
  return true;
}
