// The files of a folder as texts, read again whenever something in it may have changed. A notification only says that it is
// time to look; a periodic look covers what notifications miss (network file systems, symlink swaps, overflows). Files that
// are being written are read once they are quiet.

import { type FSWatcher, watch } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, sleep } from './clock.ts';
import { reasonOf } from './errors.ts';

export interface FolderRead {
  /** Texts by absolute path, in path order. */
  readonly texts: ReadonlyMap<string, string>;
  /** Files that exist and could not be read, with the reason: what they held before still counts. */
  readonly unreadable: ReadonlyMap<string, string>;
}

export interface WatchedFolderOptions {
  readonly path: string;
  readonly accepts: (fileName: string) => boolean;
  readonly clock: Clock;
  readonly onRead: (read: FolderRead) => void;
  /** The folder itself cannot be read: nothing is known, so nothing changes. */
  readonly onUnreadable: (reason: string) => void;
}

/** Editors and `kubectl … > file` write in pieces; this long after the last notification a file is whole. */
const QUIET_MS = 30;
/** How late a change can be noticed that no notification came for. */
const RESCAN_MS = 5_000;
/** A larger file is no configuration. */
const FILE_BYTES_MAX = 8 * 1024 * 1024;
const FILES_MAX = 10_000;

/** Reads once, then again on every change, until the signal aborts. Never rejects. */
export async function watchFolder(options: WatchedFolderOptions, signal: AbortSignal): Promise<void> {
  const { path, clock, onRead, onUnreadable } = options;
  let before = '';
  while (!signal.aborted) {
    const changed = notification(path, signal);
    try {
      const read = await readFolder(options);
      const now = JSON.stringify([[...read.texts], [...read.unreadable]]);
      if (now !== before) onRead(read);
      before = now;
    } catch (error) {
      before = '';
      onUnreadable(reasonOf(error));
    }
    await Promise.race([changed.promise, sleep(clock, RESCAN_MS, signal).catch(() => {})]);
    changed.close();
    if (!signal.aborted) await sleep(clock, QUIET_MS, signal).catch(() => {});
  }
}

/** Set up before the folder is read, so that a change during the read is not missed. */
function notification(
  path: string,
  signal: AbortSignal,
): { readonly promise: Promise<void>; readonly close: () => void } {
  let watcher: FSWatcher | undefined;
  const promise = new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
    try {
      watcher = watch(path, () => resolve());
      watcher.on('error', () => {});
    } catch {
      // The folder is not there yet: the periodic look finds it.
    }
  });
  return { promise, close: () => watcher?.close() };
}

async function readFolder({ path, accepts }: WatchedFolderOptions): Promise<FolderRead> {
  const names = (await readdir(path)).filter((name) => accepts(name) && !name.startsWith('.')).sort();
  if (names.length > FILES_MAX) throw new Error(`more than ${FILES_MAX} files`);
  const texts = new Map<string, string>();
  const unreadable = new Map<string, string>();
  for (const name of names) {
    const file = join(path, name);
    try {
      const { size } = await stat(file);
      if (size > FILE_BYTES_MAX) unreadable.set(file, `larger than ${FILE_BYTES_MAX} bytes`);
      else texts.set(file, await readFile(file, 'utf8'));
    } catch (error) {
      const gone = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      if (!gone) unreadable.set(file, reasonOf(error));
    }
  }
  return { texts, unreadable };
}
