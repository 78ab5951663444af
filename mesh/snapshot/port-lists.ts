// Keeps equal port lists once. The backends of a service nearly always have the same ports, so in a large mesh the lists are
// few and the backends are many; shared lists also compare by reference.

import type { NamedPort } from '../model/service.ts';

/** Distinct lists kept; when there are more, they recur too little to be worth it, and it starts afresh. */
const KEPT_MAX = 10_000;

export class PortLists {
  readonly #kept = new Map<string, readonly NamedPort[]>();

  /** The list that says the same as this one and came first. */
  intern(ports: readonly NamedPort[]): readonly NamedPort[] {
    const text = ports.map(({ name, protocol, port }) => `${port} ${protocol} ${name}`).join('\n');
    const known = this.#kept.get(text);
    if (known !== undefined) return known;
    if (this.#kept.size >= KEPT_MAX) this.#kept.clear();
    this.#kept.set(text, ports);
    return ports;
  }
}
