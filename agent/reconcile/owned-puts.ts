// Rows to write, each with the services that are refused when it cannot be written: two lists side by side, because a round has
// thousands of rows and few services.

import type { Family } from '../../mesh/model/address.ts';
import type { ServiceKey } from '../../mesh/model/names.ts';
import type { MapRole } from '../maps/port.ts';
import type { Put, Removal } from './change.ts';

export type Owners = readonly ServiceKey[];

export class OwnedPuts {
  readonly puts: Put[] = [];
  /** Of each row; a row without owners is always wanted. */
  readonly owners: Owners[] = [];

  get length(): number {
    return this.puts.length;
  }

  add(put: Put, owners: Owners): void {
    this.puts.push(put);
    this.owners.push(owners);
  }

  addAll(puts: readonly Put[], owners: Owners): void {
    for (const put of puts) this.add(put, owners);
  }

  /** Those from `from` on that are wanted. */
  wanted(from: number, isWanted: (owners: Owners) => boolean): OwnedPuts {
    const wanted = new OwnedPuts();
    for (let row = from; row < this.puts.length; row += 1) {
      const [put, owners] = [this.puts[row], this.owners[row]];
      if (put !== undefined && owners !== undefined && isWanted(owners)) wanted.add(put, owners);
    }
    return wanted;
  }
}

/** Rows of one role, those of each family for its own map. */
export interface RolePuts extends Readonly<Record<Family, OwnedPuts>> {
  readonly role: MapRole;
}

export const putsOf = (role: MapRole): RolePuts => ({ role, 4: new OwnedPuts(), 6: new OwnedPuts() });

/** Rows by step, in the order of the steps: each step is on the maps before the next begins. */
export interface Steps {
  readonly puts: readonly RolePuts[];
  readonly removals: readonly (readonly Removal[])[];
}
