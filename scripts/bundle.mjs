// Puts each entry of the command into one file below dist/bundles/, with what V8 compiles of it on a start: see runtime/bundle.ts.
// They stand as deep as modules of a program's folder do, so that what these find beside themselves is found from there too.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const bundles = join(root, 'dist/bundles');
const entries = readdirSync(join(root, 'cli/entries')).map((name) => basename(name, '.ts'));

rmSync(bundles, { recursive: true, force: true });
await build({
  entryPoints: entries.map((entry) => ({ in: join(root, 'cli/entries', `${entry}.ts`), out: `${entry}/bundle` })),
  outdir: bundles,
  outExtension: { '.js': '.cjs' },
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  legalComments: 'linked',
  logLevel: 'warning',
  // The one has a compiled library beside it; the other is for a service of gRPC's that nothing here offers.
  external: ['koffi', '@grpc/proto-loader'],
  banner: { js: "const bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
  define: { 'import.meta.url': 'bundleUrl' },
});
for (const entry of entries) {
  const file = join(bundles, entry, 'bundle.cjs');
  // esbuild leaves such characters in comments alone. V8 keeps a text that has any in twice the memory.
  writeFileSync(file, readFileSync(file, 'utf8').replace(/\P{ASCII}/gu, '?'));
  execFileSync(process.execPath, [join(root, 'scripts/code-cache.mjs'), file], { stdio: 'inherit' });
}
