// The completion of fish, which shows the description of each word. A function of the script says whether the words up to the cursor
// have come to one subcommand: names alone would not, since `trust` is one at the top and one below `pki`.

import { type CompletedCommand, type CompletedOption, childrenOf } from './tree.ts';

const NAME = 'clustermesh';

export function fishCompletion(all: readonly CompletedCommand[]): string {
  const steps = all.filter(({ path }) => path.length > 0).map(({ path }) => quoted(path.join('/')));
  const valued = all.flatMap(({ path, options }) =>
    options
      .filter(({ values }) => values !== undefined)
      .flatMap(({ names }) => names.map((name) => [...path, name].join('/'))),
  );
  return `function __${NAME}_at
    set -l tokens (commandline -opc)
    set -l at
    set -l skip no
    for token in $tokens[2..]
        if test $skip = yes
            set skip no
            continue
        end
        switch (string join / -- $at $token)
            case ${steps.join(' ')}
                set -a at $token
            case ${valued.map(quoted).join(' ')}
                set skip yes
        end
    end
    test "$at" = "$argv"
end
complete -c ${NAME} -f
${all.flatMap((command) => linesOf(all, command)).join('\n')}
`;
}

function linesOf(all: readonly CompletedCommand[], command: CompletedCommand): readonly string[] {
  const here = `complete -c ${NAME} -n ${quoted(['__clustermesh_at', ...command.path].join(' '))}`;
  return [
    ...childrenOf(all, command).map(({ path, description }) => `${here} -a ${path.at(-1)} -d ${quoted(description)}`),
    ...(command.values.length === 0 ? [] : [`${here} -a ${quoted(command.values.join(' '))}`]),
    ...command.options.map((option) => `${here} ${optionWords(option)} -d ${quoted(option.description)}`),
  ];
}

/** `-r`: with a value, for which files are offered; `-x`: of the values that are named, and no file. */
function optionWords({ names, values }: CompletedOption): string {
  const words = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`)).join(' ');
  if (values === undefined) return words;
  return values.length === 0 ? `${words} -r -F` : `${words} -x -a ${quoted(values.join(' '))}`;
}

/** For fish, where a quote is escaped within quotes. */
const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
