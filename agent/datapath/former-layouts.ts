// How rows of former layouts become rows of today's. STABLE: whoever changes the size of a key or of a value leaves the former
// one here, with its conversion, so that a node keeps what it forwards across the upgrade. A change of meaning alone is not
// seen: it has to change a size too. Type, flags and number of entries are no layout: rows are carried over as they are.

import type { MapRow } from '../maps/port.ts';
import type { KernelMapName } from './map-specs.ts';

export interface FormerLayout {
  readonly keySize: number;
  /** Of one CPU where every CPU has its own. */
  readonly valueSize: number;
  /** Undefined for a row that has no place in today's layout. */
  readonly convert: (row: MapRow) => MapRow | undefined;
}

export type FormerLayouts = Readonly<Partial<Record<KernelMapName, readonly FormerLayout[]>>>;

/** No size has changed since the first release. */
export const FORMER_LAYOUTS: FormerLayouts = {};
