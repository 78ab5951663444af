// Which service has a frontend, where several ask for the same address, port and protocol: the one whose key comes first, so
// that every node decides alike and the order of arrival does not matter.

import type { ServiceKey } from '../../mesh/model/names.ts';
import { REFUSAL_CODES, type Refusal } from './frontend.ts';
import type { FrontendName } from './names.ts';

export class FrontendClaims {
  /** The one claimant of a frontend, or several where it is contested. */
  readonly #claimants = new Map<FrontendName, ServiceKey | ReadonlySet<ServiceKey>>();
  readonly #contested = new Set<FrontendName>();

  /** Replaces what a service claims; returns the other services that win or lose a frontend by it. */
  replace(service: ServiceKey, before: readonly FrontendName[], after: readonly FrontendName[]): readonly ServiceKey[] {
    const affected: ServiceKey[] = [];
    for (const name of before) if (!after.includes(name)) this.#give(name, service, false, affected);
    for (const name of after) this.#give(name, service, true, affected);
    return affected.filter((other) => other !== service);
  }

  /** Whether a claimant has the frontend; commonly nobody else wants it. */
  wins(service: ServiceKey, name: FrontendName): boolean {
    return !this.#contested.has(name) || this.winner(name) === service;
  }

  winner(name: FrontendName): ServiceKey | undefined {
    const claimants = this.#claimants.get(name);
    if (claimants === undefined || typeof claimants === 'string') return claimants;
    let first: ServiceKey | undefined;
    for (const service of claimants) if (first === undefined || service < first) first = service;
    return first;
  }

  /** One per lost claim, in the order of the frontends' names. */
  refusals(): readonly Refusal[] {
    return [...this.#contested].sort().flatMap((name) => {
      const winner = this.winner(name);
      const losers = [...this.#claimantsOf(name)].filter((service) => service !== winner).sort();
      const reason = `${name} belongs to ${winner}, whose name comes first`;
      return losers.map((service) => ({ service, code: REFUSAL_CODES.taken, reason }));
    });
  }

  #claimantsOf(name: FrontendName): ReadonlySet<ServiceKey> {
    const claimants = this.#claimants.get(name);
    return typeof claimants === 'string' ? new Set([claimants]) : (claimants ?? new Set());
  }

  #give(name: FrontendName, service: ServiceKey, claims: boolean, affected: ServiceKey[]): void {
    const known = this.#claimants.get(name);
    if (known === undefined && claims) {
      this.#claimants.set(name, service);
      return;
    }
    if (known === service && claims) return;
    const before = this.winner(name);
    const claimants = new Set(this.#claimantsOf(name));
    if (claims) claimants.add(service);
    else claimants.delete(service);
    const [only] = claimants;
    if (only === undefined) this.#claimants.delete(name);
    else this.#claimants.set(name, claimants.size === 1 ? only : claimants);
    if (claimants.size > 1) this.#contested.add(name);
    else this.#contested.delete(name);
    const after = this.winner(name);
    if (before === after) return;
    if (before !== undefined) affected.push(before);
    if (after !== undefined) affected.push(after);
  }
}
