// Opens a map by its pin, and refuses one that has another shape than our programs expect: its rows would be read as nonsense.

import { closeSync, existsSync } from 'node:fs';
import { OperationalError } from '../../runtime/errors.ts';
import { datapathError } from './failure.ts';
import { describeMap, type MapDescription } from './kernel-info.ts';
import type { Libbpf } from './libbpf.ts';
import { formatShape, type MapSpec, sameShape } from './map-specs.ts';
import { mapPin } from './pins.ts';

export type PinAccess = 'read' | 'write';

export interface PinnedMap {
  /** The caller's to close. */
  readonly fd: number;
  readonly description: MapDescription;
}

/** Undefined where nothing is pinned. */
export function openPinnedMap(calls: Libbpf, pinDir: string, spec: MapSpec, access: PinAccess): PinnedMap | undefined {
  const path = mapPin(pinDir, spec.name);
  if (!existsSync(path)) return undefined;
  const fd = calls.openPin(path, openOptions(access));
  if (fd < 0) throw datapathError({ step: 'read pin', subject: path, errno: -fd });
  const description = describeMap(calls, fd);
  if (description !== undefined && sameShape(description, spec)) return { fd, description };
  closeSync(fd);
  throw new OperationalError({
    code: 'DATAPATH_PIN_MISMATCH',
    operation: 'open pinned map',
    subject: path,
    reason: `it is a ${description === undefined ? 'thing that is no map' : formatShape(description)}, where the programs need a ${formatShape(spec)}`,
    hint: 'another version of the agent, or another program, pinned it: give this agent another datapath.pinDir, or remove the pins (traffic to services stops until the maps are filled again)',
  });
}

/** struct bpf_obj_get_opts: its own size in 8 bytes, then flags; BPF_F_RDONLY is 8. */
function openOptions(access: PinAccess): Uint32Array {
  return Uint32Array.of(16, 0, access === 'read' ? 8 : 0, 0);
}
