// Loads a program that the build put into one file, with what V8 compiled of it then: finding, reading and compiling some hundred
// modules is most of what a start costs otherwise. The compiled code is a cache beside the file: V8 takes it only when it is of
// this version of V8 and these flags, and compiles anew where it is not, or where there is none.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { Script } from 'node:vm';

/** What a CommonJS module is called with. */
type Wrapper = (
  exports: unknown,
  require: NodeJS.Require,
  module: { exports: unknown },
  filename: string,
  folder: string,
) => void;

export interface CompiledBundle {
  readonly script: Script;
  /** Runs it, and gives what it exports. */
  run(): unknown;
}

/** A name with the version of V8 in it, so that two versions of Node can start the same build. */
export const codeCacheOf = (file: string): string => `${file}.v8-${process.versions.v8}`;

/** Undefined where there is no such file. A bundle brings what it imports later, or requires it. */
export function compileBundle(file: string): CompiledBundle | undefined {
  const source = readIfThere(file)?.toString('utf8');
  if (source === undefined) return undefined;
  const cachedData = readIfThere(codeCacheOf(file));
  // On the first line, so that lines are those of the file.
  const script = new Script(`(function (exports, require, module, __filename, __dirname) {${source}\n})`, {
    filename: file,
    ...(cachedData === undefined ? {} : { cachedData }),
  });
  return {
    script,
    run() {
      const module: { exports: unknown } = { exports: {} };
      const wrapper = script.runInThisContext() as Wrapper;
      wrapper(module.exports, createRequire(file), module, file, dirname(file));
      return module.exports;
    },
  };
}

/** What the bundle exports, which is the caller's knowledge; undefined where there is no such file. */
export const loadBundle = <T>(file: string): T | undefined => compileBundle(file)?.run() as T | undefined;

function readIfThere(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
