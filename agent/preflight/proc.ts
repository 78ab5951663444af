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

/** `Seccomp:\t2`: a filter; 1 is the strict mode, in which this would not run. */
export function seccompFilter(status: string): boolean | undefined {
  const mode = /^Seccomp:\s*(\d+)$/m.exec(status)?.[1];
  return mode === undefined ? undefined : mode !== '0';
}

/** `         0          0 4294967295`: the whole range stands for itself in the machine's own user namespace. */
export function inUserNamespace(uidMap: string): boolean | undefined {
  const [first = '', ...more] = uidMap.split('\n').filter((line) => line.trim() !== '');
  if (first === '') return undefined;
  return more.length > 0 || !/^\s*0\s+0\s+4294967295\s*$/.test(first);
}

/** `capability,landlock,bpf`. */
export const securityModules = (text: string): readonly string[] | undefined =>
  text === '' ? undefined : text.trim().split(',').filter(Boolean);

/** `1` while it enforces its policy, `0` while it only tells. */
export const selinuxEnforces = (text: string): boolean | undefined => (text === '' ? undefined : text.trim() === '1');
