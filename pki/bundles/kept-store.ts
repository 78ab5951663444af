// A peer's trust store as a file that was written from a bundle: PEM, with the sequence of the bundle in its first line. In one
// file, so that no crash leaves the anchors of one bundle with the sequence of another. A store that a join or a person has
// written has no such line, and any sequence is newer.

export interface KeptBundle {
  readonly cluster: string;
  readonly sequence: number;
  readonly anchors: readonly string[];
}

/** STABLE: read by later versions. What stands outside of PEM blocks is left aside by everybody else. */
const FIRST_LINE = /^# Trust bundle ([1-9]\d{0,15}) of /;

export const keptStoreText = ({ cluster, sequence, anchors }: KeptBundle): string =>
  [`# Trust bundle ${sequence} of ${cluster}\n`, ...anchors].join('');

/** 0 where no bundle was taken. */
export function keptSequence(text: string): number {
  const sequence = Number(FIRST_LINE.exec(text)?.[1] ?? 0);
  return Number.isSafeInteger(sequence) ? sequence : 0;
}
