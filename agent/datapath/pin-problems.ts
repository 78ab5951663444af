// Which of the pinned maps an agent that starts now could not go on with, and why: told beforehand, without touching any.

import { closeSync } from 'node:fs';
import { OperationalError } from '../../runtime/errors.ts';
import { FORMER_LAYOUTS } from './former-layouts.ts';
import type { Libbpf } from './libbpf.ts';
import { planMap } from './map-plan.ts';
import { KERNEL_MAP_NAMES, type KernelMapName, MAP_SPECS } from './map-specs.ts';
import { findPinnedMap } from './pinned-map.ts';
import { mapPin } from './pins.ts';

export interface PinProblem {
  readonly path: string;
  readonly reason: string;
}

/** Throws where they cannot be looked at. */
export const findPinProblems = (calls: Libbpf, pinDir: string): readonly PinProblem[] =>
  KERNEL_MAP_NAMES.flatMap((map) => {
    const reason = problemOf(calls, pinDir, map);
    return reason === undefined ? [] : [{ path: mapPin(pinDir, MAP_SPECS[map].name), reason }];
  });

function problemOf(calls: Libbpf, pinDir: string, map: KernelMapName): string | undefined {
  const spec = MAP_SPECS[map];
  try {
    const pinned = findPinnedMap(calls, pinDir, spec, 'read');
    if (pinned === undefined) return undefined;
    closeSync(pinned.fd);
    const plan = planMap(spec, pinned.description.maxEntries, { pinned, attached: [] }, FORMER_LAYOUTS[map]);
    return plan.ok ? undefined : plan.error;
  } catch (error) {
    if (error instanceof OperationalError && error.code === 'DATAPATH_PIN_MISMATCH') return error.reason;
    throw error;
  }
}
