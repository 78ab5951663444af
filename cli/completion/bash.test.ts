// What bash offers after the words of a command line, by the script as it is printed.

import { execFileSync } from 'node:child_process';
import { Argument, Command, Option } from 'commander';
import { expect, test } from 'vitest';
import { bashCompletion } from './bash.ts';
import { completedCommands } from './tree.ts';

const program = new Command('clustermesh');
program
  .command('diagnose')
  .addOption(new Option('-o, --output <format>').choices(['table', 'json']))
  .option('--strict')
  .option('--offline <folder>');
program.command('join').argument('<token>').option('--yes');
program.command('completion').addArgument(new Argument('<shell>').choices(['bash', 'zsh']));
const trust = program.command('trust');
trust.command('status').option('--dir <dir>');
program.command('pki').command('trust').option('--peer <name>');

const script = bashCompletion(completedCommands(program));

/** Words as bash has split them; the last one is being written. */
const offered = (...words: readonly string[]): readonly string[] => {
  const call = `COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _clustermesh; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const out = execFileSync('bash', ['-c', `${script}\n${call}`, 'bash', 'clustermesh', ...words], { encoding: 'utf8' });
  return out.split('\n').filter((line) => line !== '');
};

test.each<[string, readonly string[], readonly string[]]>([
  ['subcommands', ['d'], ['diagnose']],
  ['options', ['diagnose', '--'], ['--output', '--strict', '--offline', '--help']],
  ['options after an argument', ['join', 'cm1.AQAB', '--'], ['--yes', '--help']],
  ['options after the value of another', ['diagnose', '--output', 'json', '--s'], ['--strict']],
  ['options after a value in one word with its option', ['diagnose', '--output', '=', 'json', '--s'], ['--strict']],
  ['values of an option', ['diagnose', '--output', ''], ['table', 'json']],
  ['values of a short option', ['diagnose', '-o', 'j'], ['json']],
  ['values in one word with their option', ['diagnose', '--output', '='], ['table', 'json']],
  ['nothing, and so files, for a value that may be any', ['diagnose', '--offline', ''], []],
  ['a subcommand of that name is not taken from a value', ['diagnose', '--offline', 'trust', '--s'], ['--strict']],
  ['values of an argument', ['completion', 'z'], ['zsh']],
  ['what belongs to the one of two subcommands with one name', ['pki', 'trust', '--p'], ['--peer']],
  ['what belongs to the other', ['trust', ''], ['status', '--help']],
])('offers %s', (_, words, expected) => {
  expect(offered(...words)).toEqual(expected);
});
