// Puts beside the compiled programs what tsc does not: the generated codecs and the compiled BPF objects.
import { cpSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
for (const folder of ['apiserver/store/gen', 'mesh/wire/gen'])
  cpSync(join(root, folder), join(root, 'dist', folder), { recursive: true });
if (existsSync(join(root, 'bpf'))) {
  mkdirSync(join(root, 'dist/bpf'), { recursive: true });
  for (const name of readdirSync(join(root, 'bpf')).filter((n) => n.endsWith('.bpf.o')))
    cpSync(join(root, 'bpf', name), join(root, 'dist/bpf', name));
}
