// Generates the static protobuf codecs (gen/*.js with .d.ts) from the .proto files that own the wire contracts. The
// result is not tracked: it follows from its sources. A run with nothing newer than the output does nothing.
import { execFileSync } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const CODECS = [
  { proto: 'apiserver/store/etcd.proto', out: 'apiserver/store/gen/etcd.js', root: 'etcd' },
  { proto: 'mesh/wire/mesh.proto', out: 'mesh/wire/gen/mesh.js', root: 'mesh' },
];
const mtime = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

for (const { proto, out, root: registry } of CODECS) {
  const source = join(root, proto);
  const target = join(root, out);
  const dts = target.replace(/\.js$/, '.d.ts');
  if (Math.min(mtime(target), mtime(dts)) >= Math.max(mtime(source), mtime(fileURLToPath(import.meta.url)))) continue;
  mkdirSync(dirname(target), { recursive: true });
  const bin = join(root, 'node_modules/protobufjs-cli/bin');
  const flags = ['--no-verify', '--no-convert', '--no-delimited', '--no-typeurl', '-r', registry];
  execFileSync(process.execPath, [
    join(bin, 'pbjs'),
    '-t',
    'static-module',
    '-w',
    'esm',
    '--es6',
    ...flags,
    '-o',
    target,
    '-d',
    source,
  ]);
}
