// How every benchmark reads its command line: `--help` says what it takes, and what it does not take ends it before anything is made or
// measured.

import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';

/** Of a process that was asked for something that it does not take. */
const EXIT_USAGE = 2;

/** What `npm run NAME -- …` takes; the options are added by whose they are. */
export const npmCommand = (name: string, description: string): Command =>
  new Command(`npm run ${name} --`)
    .description(description)
    .showHelpAfterError('(--help shows what it takes)')
    .allowExcessArguments(false)
    .exitOverride();

/** `read` gets the command once it is parsed. A number is the exit code: help was shown, or the usage was wrong and has been said. */
export function readCommandLine<T>(
  command: Command,
  args: readonly string[],
  read: (parsed: Command) => T,
): T | number {
  try {
    return read(command.parse(args, { from: 'user' }));
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : EXIT_USAGE;
  }
}

/** The options of a script that is nothing without them: it ends here where they are not to be had. */
export function scriptOptions<T extends object>(command: Command): T {
  const options = readCommandLine(command, process.argv.slice(2), (parsed) => parsed.opts<T>());
  return typeof options === 'number' ? process.exit(options) : options;
}

/** As a report says how it came to be. */
export const commandText = (name: string): string => [`npm run ${name} --`, ...process.argv.slice(2)].join(' ');

export const outputOption = (): Option =>
  new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text');

export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) throw new InvalidArgumentError('not a whole number');
  return value;
}

export function aboveZero(text: string): number {
  const value = wholeNumber(text);
  if (value < 1) throw new InvalidArgumentError('not a whole number above 0');
  return value;
}
