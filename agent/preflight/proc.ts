// Reads what /proc says of this process. Pure; undefined where the text does not have it.

/** `CapEff:\t000001ffffffffff`: the capabilities that are in effect, a bit each. */
export function capabilities(status: string): bigint | undefined {
  const found = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return found === undefined ? undefined : BigInt(`0x${found}`);
}

/** `none [integrity] confidentiality`: the one in brackets is in force. */
export const lockdownMode = (text: string): string | undefined => /\[(\w+)\]/.exec(text)?.[1];

/** `Max locked memory         8388608              8388608              bytes`: soft, then hard. */
export function memlockBytes(limits: string): number | undefined {
  const soft = /^Max locked memory\s+(\d+|unlimited)/m.exec(limits)?.[1];
  return soft === undefined ? undefined : soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
}
