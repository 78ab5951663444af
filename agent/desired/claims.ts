// Which service has a frontend, where several ask for the same address, port and protocol: the one whose key comes first, so
// that every node decides alike and the order of arrival does not matter.

import type { ServiceKey } from '../../mesh/model/names.ts';
import { type FrontendName, REFUSAL_CODES, type Refusal } from './frontend.ts';

export class FrontendClaims {
  readonly #claimants = new Map<FrontendName, Set<ServiceKey>>();
  readonly #contested = new Set<FrontendName>();

  /** Replaces what a service claims; returns the other services that win or lose a frontend by it. */
  replace(service: ServiceKey, before: Iterable<FrontendName>, after: Iterable<FrontendName>): ReadonlySet<ServiceKey> {
    const affected = new Set<ServiceKey>();
    const claimed = new Set(after);
    for (const name of before) {
      if (!claimed.has(name)) this.#change(name, affected, (claimants) => claimants.delete(service));
    }
    for (const name of claimed) this.#change(name, affected, (claimants) => claimants.add(service));
    affected.delete(service);
    return affected;
  }

  winner(name: FrontendName): ServiceKey | undefined {
    let first: ServiceKey | undefined;
    for (const service of this.#claimants.get(name) ?? []) if (first === undefined || service < first) first = service;
    return first;
  }

  /** One per lost claim, in the order of the frontends' names. */
  refusals(): readonly Refusal[] {
    return [...this.#contested].sort().flatMap((name) => {
      const winner = this.winner(name);
      const losers = [...(this.#claimants.get(name) ?? [])].filter((service) => service !== winner).sort();
      const reason = `${name} belongs to ${winner}, whose name comes first`;
      return losers.map((service) => ({ service, code: REFUSAL_CODES.taken, reason }));
    });
  }

  #change(name: FrontendName, affected: Set<ServiceKey>, change: (claimants: Set<ServiceKey>) => void): void {
    const before = this.winner(name);
    const claimants = this.#claimants.get(name) ?? new Set();
    change(claimants);
    if (claimants.size === 0) this.#claimants.delete(name);
    else this.#claimants.set(name, claimants);
    if (claimants.size > 1) this.#contested.add(name);
    else this.#contested.delete(name);
    const after = this.winner(name);
    if (before === after) return;
    if (before !== undefined) affected.add(before);
    if (after !== undefined) affected.add(after);
  }
}
