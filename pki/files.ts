// Credentials on disk. A file is whole or absent: it is written beside its place, made durable and renamed. Private keys are
// readable by their owner only, from the first byte on. What must never be lost, the key of an authority, is created and
// never written over: only a rotation moves another into its place, and keeps it beside that.

import { randomBytes } from 'node:crypto';
import {
  access,
  constants,
  type FileHandle,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { OperationalError, reasonOf } from '../runtime/errors.ts';

const PRIVATE_MODE = 0o600;
const PUBLIC_MODE = 0o644;
/** Folders list the names of peers and nodes, which are nobody else's business. */
const FOLDER_MODE = 0o700;
/** What a file is called until it is whole: its name, and so many random bytes. */
const WRITTEN_NAME_BYTES = 6;
const BEING_WRITTEN = /\.pem\.[0-9a-f]{12}\.tmp$/;

export interface Pair {
  readonly cert: string;
  readonly key: string;
}

export interface PairTexts {
  readonly certificate: string;
  readonly key: string;
}

export const writePublic = (path: string, text: string): Promise<void> => writeAtomically(path, text, PUBLIC_MODE);
const writePrivate = (path: string, text: string): Promise<void> => writeAtomically(path, text, PRIVATE_MODE);

/**
 * The key first: a reader that meets the new key beside the old certificate keeps what it has, and reads again. For whoever holds the
 * folder's lock: what a crash has left of an earlier key goes.
 */
export async function writePair(paths: Pair, texts: PairTexts): Promise<void> {
  await removeLeftOvers(dirname(paths.key));
  await writePrivate(paths.key, texts.key);
  await writePublic(paths.cert, texts.certificate);
}

/** Fails with PKI_EXISTS when the file is there, also when another process creates it at the same moment. */
export async function createPrivate(path: string, text: string): Promise<void> {
  await place(path, text, PRIVATE_MODE, async (written) => {
    await link(written, path);
    await rm(written);
  });
}

/** In one step: whoever reads meets the one or the other. What stood there is the caller's to keep. */
export async function movePrivate(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    throw failure('write', to, error);
  }
}

/** Rejects with PKI_FILE where files cannot be made in a folder. A full disk shows only when one is written. */
export async function assertWritable(folder: string): Promise<void> {
  try {
    await access(folder, constants.W_OK);
  } catch (error) {
    throw failure('write', folder, error);
  }
}

/**
 * What a program that was killed has left of files that it was writing, private keys among them, which would lie there for ever. Nobody
 * else may be writing in the folder. What cannot be removed stays: whoever writes next learns why.
 */
export async function removeLeftOvers(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names.filter((name) => BEING_WRITTEN.test(name))) await rm(join(folder, name)).catch(() => {});
}

/** Nothing where there is nothing. */
export async function removeFile(path: string): Promise<void> {
  try {
    await rm(path, { force: true });
  } catch (error) {
    throw failure('remove', path, error);
  }
}

/** `undefined` when there is no such file. */
export async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw failure('read', path, error);
  }
}

/** The names in a folder, in order; none where it is not there. */
export async function namesIn(path: string): Promise<readonly string[]> {
  try {
    return (await readdir(path)).sort();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw failure('read', path, error);
  }
}

const writeAtomically = (path: string, text: string, mode: number): Promise<void> =>
  place(path, text, mode, (written) => rename(written, path));

async function place(
  path: string,
  text: string,
  mode: number,
  publish: (written: string) => Promise<void>,
): Promise<void> {
  const written = `${path}.${randomBytes(WRITTEN_NAME_BYTES).toString('hex')}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: FOLDER_MODE });
    const file = await open(written, 'wx', mode);
    try {
      await keepOwner(file, path);
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await publish(written);
  } catch (error) {
    await rm(written, { force: true }).catch(() => {});
    throw failure('write', path, error);
  }
}

/** What replaces a file belongs to whom it belonged to: root may renew what a server without privileges reads. */
async function keepOwner(file: FileHandle, path: string): Promise<void> {
  const [before, now] = await Promise.all([stat(path).catch(() => undefined), file.stat()]);
  if (before === undefined || (before.uid === now.uid && before.gid === now.gid)) return;
  await file.chown(before.uid, before.gid);
}

function failure(operation: 'read' | 'write' | 'remove', path: string, cause: unknown): OperationalError {
  const code = codeOf(cause);
  if (code === 'EEXIST') {
    return new OperationalError({
      code: 'PKI_EXISTS',
      operation: 'create credential',
      subject: path,
      reason: 'it exists, and is never overwritten',
      hint: 'move the file away if it is really no longer needed',
      cause,
    });
  }
  return new OperationalError({
    code: 'PKI_FILE',
    operation: `${operation} credential`,
    subject: path,
    reason: reasonOf(cause),
    hint: REMEDIES[String(code)] ?? 'check that the folder belongs to this user',
    cause,
  });
}

const REMEDIES: Readonly<Record<string, string>> = {
  ENOSPC: 'make room on that file system',
  EDQUOT: 'make room within the quota of this user',
  EROFS: 'mount that file system for writing',
  EISDIR: 'a folder stands in its place: move it away',
  ENOTDIR: 'a file stands in the place of its folder: move it away',
};

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);
