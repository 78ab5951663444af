// What is to be done about one key, decided from what should be there and what is there.

/** Bytes that should be there; `absent` when the key must not exist; undefined when nobody has said anything about it. */
export type Wanted = Uint8Array | 'absent' | undefined;

/** What etcd holds under a key, as last written or seen. */
export interface Observed {
  readonly value: Uint8Array;
  readonly modRevision: number;
  /** '0' for none. */
  readonly lease: string;
}

export type KeyWritePlan = { readonly action: 'put'; readonly value: Uint8Array } | { readonly action: 'delete' };
export type KeyPlan = { readonly action: 'none' } | KeyWritePlan;

export interface PlanFacts {
  readonly wanted: Wanted;
  readonly observed: Observed | undefined;
  /** Whether a lease is one that this process renews. */
  readonly isOurs: (lease: string) => boolean;
  /** Everything that should be there is known: what nobody has mentioned is a left-over. */
  readonly mayPrune: boolean;
  /** Write even what is there already. */
  readonly forced: boolean;
}

export function planKey({ wanted, observed, isOurs, mayPrune, forced }: PlanFacts): KeyPlan {
  if (wanted === undefined && !mayPrune) {
    // A predecessor's key of which nothing is known yet: it must outlive the predecessor's lease.
    return observed === undefined || isOurs(observed.lease) ? NONE : { action: 'put', value: observed.value };
  }
  if (wanted === undefined || wanted === 'absent') return observed === undefined ? NONE : { action: 'delete' };
  const there = observed !== undefined && isOurs(observed.lease) && sameBytes(observed.value, wanted);
  return there && !forced ? NONE : { action: 'put', value: wanted };
}

const NONE: KeyPlan = { action: 'none' };

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a === b || (a.length === b.length && Buffer.compare(a, b) === 0);
}

/** Of the key and the value. */
export const bytesOf = ({ key, plan }: { readonly key: string; readonly plan: KeyWritePlan }): number =>
  key.length + (plan.action === 'put' ? plan.value.length : 0);
