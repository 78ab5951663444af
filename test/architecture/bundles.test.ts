// What the entries of the command bring with them, by the bundler's own account: an agent that starts again is to be there within a
// second, and what it need not load it does not load.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { beforeAll, describe, expect, test } from 'vitest';
import { packageRoot } from '../../runtime/package-root.ts';

const root = packageRoot();

/** Our folders, and packages, of which there is anything in an entry. */
async function partsOf(entry: string): Promise<ReadonlySet<string>> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [join('cli/entries', `${entry}.ts`)],
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    format: 'cjs',
    external: ['koffi', '@grpc/proto-loader'],
    logLevel: 'silent',
  });
  const output = Object.values(metafile.outputs)[0];
  const inputs = Object.entries(output?.inputs ?? {}).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  return new Set(inputs.map(([path]) => partOf(path)));
}

const partOf = (path: string): string =>
  /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules)/.exec(path)?.[1] ?? path.split('/')[0] ?? path;

describe('an agent', () => {
  let parts: ReadonlySet<string>;
  beforeAll(async () => {
    parts = await partsOf('agent');
  });

  test('brings itself, the command, and what every program is made of', () => {
    const ours = readdirSync(root);
    expect([...parts].filter((part) => ours.includes(part)).sort()).toEqual(['agent', 'cli', 'mesh', 'runtime']);
  });

  test.each([
    ['@peculiar/x509', 'certificates are issued elsewhere; the ones in use are read by node:crypto'],
    ['node-forge', 'PKCS #12 is for who imports an authority'],
    ['reflect-metadata', 'comes with the issuing of certificates'],
    ['etcd3', 'an agent speaks to no etcd'],
  ])('does not bring %s: %s', (name) => expect(parts).not.toContain(name));

  test('brings the packages it runs on', () => {
    for (const name of ['@grpc/grpc-js', 'protobufjs', 'zod', 'yaml', 'pino', 'prom-client'])
      expect(parts).toContain(name);
  });
});
