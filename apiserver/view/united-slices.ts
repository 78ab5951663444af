// The backends of a service that is here in slices, together. One slice that changes is a step of the whole list, which keeps its other
// pieces as they are: whoever has looked at those need not look again (mesh/model/list.ts). Only where an address is in two slices,
// as while it moves, all of them are put together anew.

import { inPieces, type List, PIECE_ITEMS_MAX } from '../../mesh/model/list.ts';
import type { Backend } from '../../mesh/model/service.ts';
import { applyBackends, diffBackends } from '../../mesh/snapshot/delta.ts';
import { compareText } from '../../mesh/snapshot/order.ts';
import type { PortLists } from '../../mesh/snapshot/port-lists.ts';
import { uniteBackends } from './backends.ts';

const NO_BACKENDS: readonly Backend[] = [];

export class UnitedSlices {
  readonly #ports: PortLists;
  readonly #slices = new Map<string, readonly Backend[]>();
  /** Of all slices together, those counted twice that two of them have. */
  #length = 0;
  /** Absent until it is asked for. */
  #united: List<Backend> | undefined;

  constructor(ports: PortLists) {
    this.#ports = ports;
  }

  get isEmpty(): boolean {
    return this.#slices.size === 0;
  }

  slice(name: string): readonly Backend[] {
    return this.#slices.get(name) ?? NO_BACKENDS;
  }

  /** `backends`: in canonical order; absent when the slice is gone. */
  set(name: string, backends: readonly Backend[] | undefined): void {
    const before = this.slice(name);
    const after = backends ?? NO_BACKENDS;
    if (backends === undefined) this.#slices.delete(name);
    else this.#slices.set(name, backends);
    const isEachOnce = this.#united?.length === this.#length;
    this.#length += after.length - before.length;
    this.#united = isEachOnce ? this.#stepped(before, after) : undefined;
  }

  /** The same object until a slice is another. */
  get backends(): List<Backend> {
    this.#united ??= this.#unite();
    return this.#united;
  }

  /** Undefined where it takes a look at all slices. */
  #stepped(before: readonly Backend[], after: readonly Backend[]): List<Backend> | undefined {
    if (this.#united === undefined || this.#length <= PIECE_ITEMS_MAX) return undefined;
    const united = applyBackends(this.#united, diffBackends(before, after));
    return united.ok && united.value.length === this.#length ? united.value : undefined;
  }

  #unite(): List<Backend> {
    const slices = [...this.#slices].sort(([a], [b]) => compareText(a, b)).map(([, backends]) => backends);
    const [first = NO_BACKENDS] = slices;
    const united = slices.length <= 1 ? first : uniteBackends(slices, this.#ports);
    return united.length <= PIECE_ITEMS_MAX ? united : inPieces(united);
  }
}
