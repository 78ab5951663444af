// Colour only where a person looks: on a terminal, unless NO_COLOR (no-color.org) or a dumb terminal says otherwise. The
// library's own guess also colours under CI, where nobody reads escape codes.

import pc from 'picocolors';

export type Colours = ReturnType<typeof pc.createColors>;

export function coloursFor(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): Colours {
  return pc.createColors(stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb');
}
