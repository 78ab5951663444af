// The completion of bash, and of zsh in its mode for scripts of bash. The script follows the words up to the cursor: which subcommand
// they have come to, and whether the last one is an option that waits for its value. Other words are values and arguments, which
// change nothing. Where nothing is known of a value, the shell completes the names of files.

import { type CompletedCommand, childrenOf } from './tree.ts';

const NAME = 'clustermesh';

/** Zsh has no completion before compinit, which not everybody's .zshrc calls. */
const ZSH_PREAMBLE = `(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
autoload -U +X bashcompinit && bashcompinit
`;

export const zshCompletion = (all: readonly CompletedCommand[]): string => ZSH_PREAMBLE + bashCompletion(all);

// A command line may be written --option=value, which bash splits into three words.
export function bashCompletion(all: readonly CompletedCommand[]): string {
  const valued = all.flatMap(({ path, options }) =>
    options.flatMap(({ names, values }) =>
      values === undefined ? [] : [{ words: names.map((name) => at(path, name)), values }],
    ),
  );
  const steps = [
    ...all.filter(({ path }) => path.length > 0).map(({ path }) => `'${at(path)}') at=${at(path)} ;;`),
    `${valued.flatMap(({ words }) => words.map((word) => `'${word}'`)).join('|')}) wants="$at/$word" ;;`,
  ];
  const values = valued
    .filter((option) => option.values.length > 0)
    .map((option) => `${option.words.map((word) => `'${word}'`).join('|')}) words='${option.values.join(' ')}' ;;`);
  const words = all.map((command) => `'${at(command.path)}') words='${wordsAfter(all, command).join(' ')}' ;;`);
  return `_${NAME}() {
  local at='' wants='' words='' word index
  for ((index = 1; index < COMP_CWORD; index++)); do
    word=\${COMP_WORDS[index]}
    [[ $word == '=' ]] && continue
    if [[ -n $wants ]]; then wants=''; continue; fi
    case "$at/$word" in
${indented(6, steps)}
    esac
  done
  if [[ -n $wants ]]; then
    case "$wants" in
${indented(6, values)}
    esac
  else
    case "$at" in
${indented(6, words)}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]#=}"))
}
complete -o default -F _${NAME} ${NAME}
`;
}

const at = (path: readonly string[], ...more: readonly string[]): string =>
  [...path, ...more].map((word) => `/${word}`).join('');

const wordsAfter = (all: readonly CompletedCommand[], command: CompletedCommand): readonly string[] => [
  ...childrenOf(all, command).map(({ path }) => path.at(-1) ?? ''),
  ...command.values,
  ...command.options.map(({ names }) => names[0] ?? ''),
];

const indented = (spaces: number, lines: readonly string[]): string =>
  lines.map((line) => `${' '.repeat(spaces)}${line}`).join('\n');
