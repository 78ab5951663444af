// Which pods claim which address, and which label sets are in use. Two pods may name one address for a moment (one ends, the
// next starts); the first by name is believed, so that the same pods always give the same answer.

import type { IpAddress } from '../../mesh/model/names.ts';

export interface PodClaim {
  /** The label text of its identity. */
  readonly labels: string;
  readonly addresses: readonly IpAddress[];
}

export class PodClaims {
  readonly #claims = new Map<string, PodClaim>();
  readonly #claimants = new Map<IpAddress, Set<string>>();
  readonly #uses = new Map<string, number>();

  /** Takes what a pod claims now; undefined for nothing. Gives the addresses to look at again. */
  set(pod: string, claim: PodClaim | undefined): ReadonlySet<IpAddress> {
    const before = this.#claims.get(pod);
    for (const address of before?.addresses ?? []) this.#withdraw(address, pod);
    if (before !== undefined) this.#count(before.labels, -1);
    if (claim === undefined) this.#claims.delete(pod);
    else {
      this.#claims.set(pod, claim);
      this.#count(claim.labels, 1);
      for (const address of claim.addresses) {
        this.#claimants.set(address, (this.#claimants.get(address) ?? new Set()).add(pod));
      }
    }
    return new Set([...(before?.addresses ?? []), ...(claim?.addresses ?? [])]);
  }

  /** The pod that is believed to have the address. */
  holderOf(address: IpAddress): { readonly pod: string; readonly claim: PodClaim } | undefined {
    const [pod] = [...(this.#claimants.get(address) ?? [])].sort();
    const claim = pod === undefined ? undefined : this.#claims.get(pod);
    return pod === undefined || claim === undefined ? undefined : { pod, claim };
  }

  isUsed(labels: string): boolean {
    return this.#uses.has(labels);
  }

  #withdraw(address: IpAddress, pod: string): void {
    const claimants = this.#claimants.get(address);
    claimants?.delete(pod);
    if (claimants?.size === 0) this.#claimants.delete(address);
  }

  #count(labels: string, by: 1 | -1): void {
    const uses = (this.#uses.get(labels) ?? 0) + by;
    if (uses === 0) this.#uses.delete(labels);
    else this.#uses.set(labels, uses);
  }
}
