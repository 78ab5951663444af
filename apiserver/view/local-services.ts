// The services of the own cluster, by the records of its publisher: each as a whole, or as its head and its slices. The pieces count
// while the canary says that all of them are there; before it, and of a publisher of an older version, the whole values do. Of
// pieces only the slice that changed is read.

import { itemsOf } from '../../mesh/model/list.ts';
import { parseServiceKey, type ServiceKey } from '../../mesh/model/names.ts';
import { err, ok, type Result } from '../../mesh/model/result.ts';
import type { Backend, LocalService } from '../../mesh/model/service.ts';
import type { PortLists } from '../../mesh/snapshot/port-lists.ts';
import { parseSliceName } from '../../mesh/wire/service-slice.ts';
import { type OwnCluster, readLocalService, readLocalSlice } from './records.ts';
import { UnitedSlices } from './united-slices.ts';

/** What the records say of one service. */
interface Told {
  readonly slices: UnitedSlices;
  head?: LocalService | undefined;
  whole?: LocalService | undefined;
  /** A whole value that did not count when it came, as it came. */
  unread?: Uint8Array | undefined;
  /** Head and slices, put together when it is asked for. */
  composed?: LocalService | undefined;
}

const NO_BACKENDS: readonly Backend[] = [];

export class LocalServices {
  readonly #own: OwnCluster;
  readonly #ports: PortLists;
  readonly #told = new Map<ServiceKey, Told>();
  #inPieces = false;

  constructor(own: OwnCluster, ports: PortLists) {
    this.#own = own;
    this.#ports = ports;
  }

  get(key: ServiceKey): LocalService | undefined {
    const told = this.#told.get(key);
    if (told === undefined) return undefined;
    if (this.#hidesWhole(told)) return this.#compose(told);
    return told.whole;
  }

  /** Gives the services of which other records count now. */
  setInPieces(inPieces: boolean): Iterable<ServiceKey> {
    if (this.#inPieces === inPieces) return [];
    this.#inPieces = inPieces;
    if (!inPieces) for (const told of this.#told.values()) this.#readLate(told);
    return this.#told.keys();
  }

  applyWhole(suffix: string, value: Uint8Array | undefined): Result<Iterable<ServiceKey>, string> {
    const key = parseServiceKey(suffix);
    if (!key.ok) return key;
    const told = this.#toldOf(key.value);
    if (value !== undefined && this.#hidesWhole(told)) {
      told.unread = value;
      return ok([]);
    }
    const whole = value === undefined ? ok(undefined) : this.#read(key.value, value, told);
    if (!whole.ok) return whole;
    told.whole = whole.value;
    told.unread = undefined;
    return this.#changed(key.value, told);
  }

  applyHead(suffix: string, value: Uint8Array | undefined): Result<Iterable<ServiceKey>, string> {
    const key = parseServiceKey(suffix);
    if (!key.ok) return key;
    const told = this.#toldOf(key.value);
    const head = value === undefined ? ok(undefined) : this.#read(key.value, value, told);
    if (!head.ok) return head;
    told.head = head.value;
    told.composed = undefined;
    if (head.value === undefined) this.#readLate(told);
    return this.#changed(key.value, told);
  }

  applySlice(suffix: string, value: Uint8Array | undefined): Result<Iterable<ServiceKey>, string> {
    const name = parseSliceName(suffix);
    if (!name.ok) return name;
    const { service, slice } = name.value;
    const told = this.#toldOf(service);
    const backends = told.slices.slice(slice);
    if (value === undefined) told.slices.set(slice, undefined);
    else {
      const read = readLocalSlice(value, this.#own, { backends, ports: this.#ports });
      if (!read.ok) return read;
      if (read.value.key !== service || read.value.slice !== slice) {
        return err(`holds the slice ${read.value.key}/${read.value.slice}`);
      }
      told.slices.set(slice, read.value.backends);
    }
    told.composed = undefined;
    return this.#changed(service, told);
  }

  #hidesWhole({ head }: Told): boolean {
    return this.#inPieces && head !== undefined;
  }

  /** What now counts, and did not when it came. */
  #readLate(told: Told): void {
    if (told.unread === undefined) return;
    const whole = readLocalService(told.unread, this.#own, this.#reuse(told));
    if (whole.ok) told.whole = whole.value;
    told.unread = undefined;
  }

  #compose(told: Told): LocalService | undefined {
    if (told.composed === undefined && told.head !== undefined) {
      told.composed = { ...told.head, backends: told.slices.backends };
    }
    return told.composed;
  }

  #read(key: ServiceKey, value: Uint8Array, told: Told): Result<LocalService, string> {
    const service = readLocalService(value, this.#own, this.#reuse(told));
    return service.ok && service.value.key !== key ? err(`holds the service ${service.value.key}`) : service;
  }

  #reuse({ whole, composed }: Told) {
    return { backends: itemsOf((whole ?? composed)?.backends ?? NO_BACKENDS), ports: this.#ports };
  }

  #toldOf(key: ServiceKey): Told {
    const told = this.#told.get(key) ?? { slices: new UnitedSlices(this.#ports) };
    this.#told.set(key, told);
    return told;
  }

  #changed(key: ServiceKey, { head, whole, unread, slices }: Told): Result<Iterable<ServiceKey>, string> {
    if (head === undefined && whole === undefined && unread === undefined && slices.isEmpty) this.#told.delete(key);
    return ok([key]);
  }
}
