// What is to become of one map when an agent starts: decided from what is pinned, what the attached programs use, and what this
// version needs. What forwards is right, wherever a pin leads: so a start that was killed half-way, or a pin that somebody
// replaced, is put right by the next start. Pure: no descriptor is touched here.

import { err, ok, type Result } from '../../mesh/model/result.ts';
import type { MapRow } from '../maps/port.ts';
import type { FoundMap } from './attached-maps.ts';
import type { FormerLayout } from './former-layouts.ts';
import { formatShape, isPerCpu, type MapSpec, sameShape } from './map-specs.ts';

export interface FoundMaps {
  readonly pinned: FoundMap | undefined;
  /** Used by attached programs. */
  readonly attached: readonly FoundMap[];
}

export interface Source {
  readonly map: FoundMap;
  readonly convert: (row: MapRow) => MapRow | undefined;
}

export interface MapPlan {
  /** What the node is to use: one that exists, or a new one of so many entries. */
  readonly target: FoundMap | number;
  /** Where rows come from that the target may lack; the one that counts comes first. */
  readonly sources: readonly Source[];
}

/** Undefined where nothing is to be done: what is pinned is right, or there is nothing yet. An error says why a map cannot be used. */
export function planMap(
  spec: MapSpec,
  entries: number,
  { pinned, attached }: FoundMaps,
  formers: readonly FormerLayout[] = [],
): Result<MapPlan | undefined, string> {
  const current = attached.find((map) => sameMap(map, pinned)) ?? attached[0] ?? pinned;
  if (current === undefined) return ok(undefined);
  const convert = conversion(spec, current.description, formers);
  if (convert === undefined) return err(objection(spec, current.description));
  // The agent is the only writer of its own rows, so every map that forwards holds the same.
  const others = spec.writer === 'agent' ? [] : attached.filter((map) => !sameMap(map, current));
  const sources = others.flatMap((map): readonly Source[] => {
    const converted = conversion(spec, map.description, formers);
    return converted === undefined ? [] : [{ map, convert: converted }];
  });
  if (!sameShape(spec, current.description) || current.description.maxEntries !== entries) {
    return ok({ target: entries, sources: [{ map: current, convert }, ...sources] });
  }
  if (sameMap(current, pinned) && sources.length === 0) return ok(undefined);
  return ok({ target: current, sources });
}

const sameMap = (a: FoundMap, b: FoundMap | undefined): boolean => a.description.id === b?.description.id;

const asItIs = (row: MapRow): MapRow => row;

/** Undefined where the rows would be read as nonsense. */
function conversion(spec: MapSpec, found: FoundMap['description'], formers: readonly FormerLayout[]) {
  if (found.name !== spec.name || isPerCpu(spec) !== isPerCpu(found)) return undefined;
  if (found.keySize === spec.keySize && found.valueSize === spec.valueSize) return asItIs;
  return formers.find(({ keySize, valueSize }) => keySize === found.keySize && valueSize === found.valueSize)?.convert;
}

function objection(spec: MapSpec, found: FoundMap['description']): string {
  if (found.name !== spec.name) return `it is the map ${found.name || 'of another program'}, not ${spec.name}`;
  return `it is a ${formatShape(found)}, where the programs need a ${formatShape(spec)}`;
}
