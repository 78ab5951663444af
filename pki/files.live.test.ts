// Needs root: files are given to other users.

import { chown, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writePair } from './files.ts';

test('a pair that is replaced belongs to whom it belonged to', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'pki-files-'));
  try {
    const paths = { cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem') };
    await writePair(paths, { certificate: 'old', key: 'old' });
    for (const path of [paths.cert, paths.key]) await chown(path, 1234, 5678);
    await writePair(paths, { certificate: 'new', key: 'new' });
    for (const [path, mode] of [
      [paths.cert, 0o644],
      [paths.key, 0o600],
    ] as const) {
      expect(await readFile(path, 'utf8')).toBe('new');
      const { uid, gid, mode: found } = await stat(path);
      expect([uid, gid, found & 0o777]).toEqual([1234, 5678, mode]);
    }
  } finally {
    await rm(dir, { recursive: true });
  }
});
