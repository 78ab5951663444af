// Values by address. IPv4 addresses of a mesh lie close together, so they are kept by number: no text is hashed, and nothing has
// to be moved when there are more of them, which would hold up everything else for longer than an agent may.

import { familyOf, parseV4Number } from '../../mesh/model/address.ts';
import type { IpAddress } from '../../mesh/model/names.ts';
import { Paged } from './paged.ts';

export class ByAddress<T extends NonNullable<unknown>> {
  readonly #v4 = new Paged<T>();
  readonly #v6 = new Map<IpAddress, T>();

  get(address: IpAddress): T | undefined {
    return familyOf(address) === 4 ? this.#v4.get(numberOf(address)) : this.#v6.get(address);
  }

  /** The same of an IPv4 address by its number. */
  getV4(number: number): T | undefined {
    return this.#v4.get(number);
  }

  set(address: IpAddress, value: T): void {
    if (familyOf(address) === 4) this.#v4.set(numberOf(address), value);
    else this.#v6.set(address, value);
  }

  delete(address: IpAddress): void {
    if (familyOf(address) === 4) this.#v4.delete(numberOf(address));
    else this.#v6.delete(address);
  }
}

function numberOf(address: IpAddress): number {
  const number = parseV4Number(address);
  if (typeof number === 'string') throw new Error(`not an address: ${address}`);
  return number;
}
