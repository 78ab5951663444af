// Which service has a frontend, where several ask for the same address, port and protocol: the one whose key comes first, so
// that every node decides alike and the order of arrival does not matter.

import type { ServiceKey } from '../../mesh/model/names.ts';
import type { EntranceTable } from './entrances.ts';
import { type DesiredFrontend, type Entrance, REFUSAL_CODES, type Refusal } from './frontend.ts';

export class FrontendClaims {
  readonly #table: EntranceTable;
  readonly #contested = new Set<Entrance>();

  /** Claimants hold their entrances. */
  constructor(table: EntranceTable) {
    this.#table = table;
  }

  /** Replaces what a service claims; returns the other services that win or lose a frontend by it. */
  replace(
    service: ServiceKey,
    before: readonly DesiredFrontend[],
    after: readonly DesiredFrontend[],
  ): readonly ServiceKey[] {
    const affected: ServiceKey[] = [];
    for (const { entrance } of after) this.#table.hold(entrance);
    for (const { entrance } of before) {
      if (!after.some((now) => now.entrance === entrance)) this.#give(entrance, service, false, affected);
    }
    for (const { entrance } of after) this.#give(entrance, service, true, affected);
    for (const { entrance } of before) this.#table.drop(entrance);
    return affected.length === 0 ? affected : affected.filter((other) => other !== service);
  }

  /** Whether a claimant has the frontend; commonly nobody else wants it. */
  wins(service: ServiceKey, entrance: Entrance): boolean {
    return this.#contested.size === 0 || !this.#contested.has(entrance) || this.winner(entrance) === service;
  }

  winner({ claimants }: Entrance): ServiceKey | undefined {
    if (claimants === undefined || typeof claimants === 'string') return claimants;
    let first: ServiceKey | undefined;
    for (const service of claimants) if (first === undefined || service < first) first = service;
    return first;
  }

  /** One per lost claim, in the order of the frontends' names. */
  refusals(): readonly Refusal[] {
    const byName = new Map([...this.#contested].map((entrance) => [entrance.name, entrance]));
    return [...byName].sort(byFirst).flatMap(([name, entrance]) => {
      const winner = this.winner(entrance);
      const losers = [...claimantsOf(entrance)].filter((service) => service !== winner).sort();
      const reason = `${name} belongs to ${winner}, whose name comes first`;
      return losers.map((service) => ({ service, code: REFUSAL_CODES.taken, reason }));
    });
  }

  #give(entrance: Entrance, service: ServiceKey, claims: boolean, affected: ServiceKey[]): void {
    const known = entrance.claimants;
    if (known === undefined && claims) {
      entrance.claimants = service;
      return;
    }
    if (known === service && claims) return;
    const before = this.winner(entrance);
    const claimants = new Set(claimantsOf(entrance));
    if (claims) claimants.add(service);
    else claimants.delete(service);
    const [only] = claimants;
    entrance.claimants = claimants.size > 1 ? claimants : only;
    if (claimants.size > 1) this.#contested.add(entrance);
    else this.#contested.delete(entrance);
    const after = this.winner(entrance);
    if (before === after) return;
    if (before !== undefined) affected.push(before);
    if (after !== undefined) affected.push(after);
  }
}

function claimantsOf({ claimants }: Entrance): ReadonlySet<ServiceKey> {
  return typeof claimants === 'string' ? new Set([claimants]) : (claimants ?? new Set());
}

const byFirst = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number =>
  a < b ? -1 : Number(a > b);
