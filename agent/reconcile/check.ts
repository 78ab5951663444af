// Holds what is in a node's maps against what is desired, and says of each difference where it comes from. What the agent itself
// believes to be in the maps tells the causes apart: a difference that it knows of is on its way out or refused, one that it does not
// know of is somebody else's work. Pure but for reading the maps; puts nothing right.

import { counted } from '../../mesh/model/counted.ts';
import type { ServiceKey } from '../../mesh/model/names.ts';
import type { AddressDifference } from '../addresses/programmer.ts';
import type { DesiredState } from '../desired/desired-state.ts';
import { EntranceTable } from '../desired/entrances.ts';
import type { Refusal } from '../desired/frontend.ts';
import type { FrontendName } from '../desired/names.ts';
import type { ServiceMaps } from '../maps/port.ts';
import type { Pause } from '../pause.ts';
import { observe } from './observe.ts';
import type { Reconciler } from './reconciler.ts';
import { type Difference, differencesOf } from './verify.ts';

/** The answer of `/v1/maps/check`. Fields are only added. */
export interface MapsCheckDocument {
  readonly schema_version: 1;
  readonly datapath: 'ebpf' | 'memory';
  /** False while no snapshot has come: nothing is known to be desired, and nothing is compared. */
  readonly compared: boolean;
  readonly frontends: number;
  readonly differences: readonly ExplainedDifference[];
  /** Of the ipcache; null or absent where nothing is known to be desired in it. */
  readonly addresses?: readonly AddressDifference[] | null;
}

export interface ExplainedDifference extends Difference {
  /** `namespace/name`; null where it is not one service's. */
  readonly service: string | null;
  /**
   * `pending`: the agent is at it; `refused`: it cannot be programmed; `foreign`: another program changed the maps.
   */
  readonly cause: 'pending' | 'refused' | 'foreign';
  readonly explanation: string;
}

export interface CheckDeps {
  readonly maps: ServiceMaps;
  readonly desired: DesiredState;
  readonly reconciler: Pick<Reconciler, 'image' | 'counters'>;
  readonly refusals: () => readonly Refusal[];
  /** Whether a snapshot has been taken in. */
  readonly wanted: boolean;
  readonly now: () => number;
  readonly pause: Pause;
}

/** The agent may write while the maps are read; a comparison counts when it did not, or when it never rests. */
const ATTEMPTS_MAX = 5;

export async function checkMaps(deps: CheckDeps): Promise<MapsCheckDocument> {
  const { maps, desired, reconciler, now, pause, wanted } = deps;
  const frontends = [...desired.frontends()].length;
  const head = { schema_version: 1, datapath: maps.kind, compared: wanted, frontends } as const;
  if (!wanted) return { ...head, differences: [] };
  for (let attempt = 1; ; attempt += 1) {
    const { written, removed } = reconciler.counters;
    const image = await observe(maps, now, pause, {
      targets: desired.table.onlooker,
      entrances: new EntranceTable(),
    });
    const { counters } = reconciler;
    if (attempt < ATTEMPTS_MAX && (counters.written !== written || counters.removed !== removed)) continue;
    return { ...head, differences: differencesOf(image, stateOf(desired)).map(explainer(deps)) };
  }
}

const stateOf = (desired: DesiredState) => ({
  frontends: [...desired.frontends()],
  targetState: desired.targetState.bind(desired),
  targets: desired.table.onlooker,
});

function explainer({ desired, reconciler, refusals }: CheckDeps): (difference: Difference) => ExplainedDifference {
  const refused = new Map<ServiceKey, Refusal>(refusals().map((refusal) => [refusal.service, refusal]));
  const believed = reconciler.image;
  const known = new Set(believed === undefined ? [] : differencesOf(believed, stateOf(desired)).map(nameOf));
  return (difference) => {
    const service = desired.serviceOf(difference.subject as FrontendName);
    const refusal = service === undefined ? undefined : refused.get(service);
    return { ...difference, service: service ?? null, ...causeOf(difference, refusal) };
  };

  function causeOf(
    difference: Difference,
    refusal: Refusal | undefined,
  ): Pick<ExplainedDifference, 'cause' | 'explanation'> {
    if (believed !== undefined && !known.has(nameOf(difference))) {
      const explanation = 'the agent left it otherwise: another program changed it; it is put right within a minute';
      return { cause: 'foreign', explanation };
    }
    if (refusal !== undefined) return { cause: 'refused', explanation: `${refusal.code}: ${refusal.reason}` };
    if (believed === undefined) {
      return { cause: 'pending', explanation: 'a map failed: the agent reads everything anew and goes on from there' };
    }
    return difference.type === 'leftover'
      ? { cause: 'pending', explanation: 'it is removed once nobody in the kernel can still be reading it' }
      : { cause: 'pending', explanation: 'the agent has yet to write it' };
  }
}

const nameOf = ({ type, subject, detail }: Difference): string => `${type} ${subject} ${detail}`;

/** What `clustermesh maps check` prints. */
export function renderMapsCheck({ compared, frontends, differences, datapath, addresses }: MapsCheckDocument): string {
  if (!compared) return 'No snapshot has come from an API server yet: nothing can be compared.';
  const where = datapath === 'memory' ? 'The maps in memory hold' : 'The kernel holds';
  const ofAddresses = (addresses ?? []).map(
    ({ prefix, type, cause }) => `${type}  ${prefix} in the ipcache\n  ${cause}`,
  );
  if (differences.length + ofAddresses.length === 0)
    return `${where} what is desired: ${counted(frontends, 'frontend')}, no difference.`;
  return differences
    .map(({ type, subject, service, detail, cause, explanation }) => {
      const of = service === null ? '' : ` (${service})`;
      return `${type}  ${subject}${of}: ${detail}\n  ${cause}: ${explanation}`;
    })
    .concat(ofAddresses)
    .join('\n');
}
