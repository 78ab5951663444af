// A number and what it counts, in English, for texts that people read: `1 call`, `2 calls`, `0 calls`.

/** `many` where it is not `one` with an s. */
export const counted = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;
