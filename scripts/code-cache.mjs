// Writes beside a bundle what V8 has compiled of it once everything that a start imports is there. A process of its own for each
// bundle: they would share what they import.
import { writeFileSync } from 'node:fs';
import { codeCacheOf, compileBundle } from '../dist/runtime/bundle.js';

const file = process.argv[2];
const bundle = compileBundle(file);
await bundle.run().preload();
writeFileSync(codeCacheOf(file), bundle.script.createCachedData());
process.exit(0);
