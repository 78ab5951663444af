// Rows to write, each with the services that are refused when it cannot be written: two lists side by side, because a round has
// thousands of rows and few services.

import type { ServiceKey } from '../../mesh/model/names.ts';
import type { Put } from './change.ts';

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

  clear(): void {
    this.puts.length = 0;
    this.owners.length = 0;
  }
}
