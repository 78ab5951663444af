// `clustermesh completion bash|zsh|fish`: a script for the shell, made from the command tree itself so that it never lags
// behind it.

import { Argument, Command } from 'commander';

export function completionCommand(program: Command): Command {
  return new Command('completion')
    .description('print a completion script: source <(clustermesh completion bash)')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .action((shell: string) => {
      const entries = commandWords(program);
      process.stdout.write(shell === 'fish' ? fish(entries) : bash(entries, shell === 'zsh'));
    });
}

interface Words {
  /** '' for the top, else `maps` or `maps dump`. */
  readonly path: string;
  readonly words: readonly string[];
}

function commandWords(command: Command, path: readonly string[] = []): readonly Words[] {
  const options = command.options.map((option) => option.long ?? '').filter((long) => long !== '');
  const names = command.commands.map((child) => child.name());
  const here = { path: path.join(' '), words: [...names, ...options, '--help'] };
  return [here, ...command.commands.flatMap((child) => commandWords(child, [...path, child.name()]))];
}

function bash(entries: readonly Words[], zsh: boolean): string {
  const cases = entries.map(({ path, words }) => `    '${path}') words='${words.join(' ')}' ;;`).join('\n');
  return `${zsh ? 'autoload -U +X bashcompinit && bashcompinit\n' : ''}_clustermesh() {
  local path='' words='' word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) ;; *) path="\${path:+$path }$word" ;; esac
  done
  case "$path" in
${cases}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _clustermesh clustermesh
`;
}

function fish(entries: readonly Words[]): string {
  return entries
    .map(({ path, words }) => {
      const condition = path === '' ? '__fish_use_subcommand' : `__fish_seen_subcommand_from ${path.split(' ').at(-1)}`;
      return `complete -c clustermesh -f -n '${condition}' -a '${words.join(' ')}'\n`;
    })
    .join('');
}
