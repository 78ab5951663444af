// Rows by map: how many a service needs, and for how many there is room. They are counted and compared for every service of a round, so
// each map has a field of its own, by which V8 finds it faster than by a name that comes along.

import type { Family } from '../../mesh/model/address.ts';
import type { MapCounts } from '../desired/demand.ts';
import { MAP_NAMES, type MapName } from '../maps/port.ts';

export class RowCounts implements MapCounts {
  services = 0;
  backends = 0;
  reverseNat = 0;
  services6 = 0;
  backends6 = 0;
  reverseNat6 = 0;

  addServices(family: Family, rows: number): void {
    if (family === 4) this.services += rows;
    else this.services6 += rows;
  }

  addBackend(family: Family): void {
    if (family === 4) this.backends += 1;
    else this.backends6 += 1;
  }

  addReverseNat(family: Family): void {
    if (family === 4) this.reverseNat += 1;
    else this.reverseNat6 += 1;
  }

  /** The first map that has no room for so many; one without need is never short. */
  shortOf(room: MapCounts): MapName | undefined {
    const fits =
      this.services <= room.services &&
      this.backends <= room.backends &&
      this.reverseNat <= room.reverseNat &&
      this.services6 <= room.services6 &&
      this.backends6 <= room.backends6 &&
      this.reverseNat6 <= room.reverseNat6;
    return fits ? undefined : MAP_NAMES.find((map) => this[map] > Math.max(0, room[map]));
  }

  takeAway(other: MapCounts): void {
    this.services -= other.services;
    this.backends -= other.backends;
    this.reverseNat -= other.reverseNat;
    this.services6 -= other.services6;
    this.backends6 -= other.backends6;
    this.reverseNat6 -= other.reverseNat6;
  }
}
