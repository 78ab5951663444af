// Opens a map by its pin, and refuses one that has another shape than our programs expect: its rows would be read as nonsense.

import { closeSync, existsSync } from 'node:fs';
import { OperationalError } from '../../runtime/errors.ts';
import type { FoundMap } from './attached-maps.ts';
import { datapathError } from './failure.ts';
import { describeMap } from './kernel-info.ts';
import type { Libbpf } from './libbpf.ts';
import { formatShape, type MapSpec, sameShape } from './map-specs.ts';
import { mapPin } from './pins.ts';

export type PinAccess = 'read' | 'write';

/** Whatever its shape; undefined where nothing is pinned. The descriptor is the caller's to close. */
export function findPinnedMap(calls: Libbpf, pinDir: string, spec: MapSpec, access: PinAccess): FoundMap | undefined {
  const path = mapPin(pinDir, spec.name);
  if (!existsSync(path)) return undefined;
  const fd = calls.openPin(path, openOptions(access));
  if (fd < 0) throw datapathError({ step: 'read pin', subject: path, errno: -fd });
  const description = describeMap(calls, fd);
  if (description !== undefined) return { fd, description };
  closeSync(fd);
  throw mapMismatch(path, 'it is a thing that is no map');
}

export function openPinnedMap(calls: Libbpf, pinDir: string, spec: MapSpec, access: PinAccess): FoundMap | undefined {
  const found = findPinnedMap(calls, pinDir, spec, access);
  if (found === undefined || sameShape(found.description, spec)) return found;
  closeSync(found.fd);
  const shapes = `it is a ${formatShape(found.description)}, where the programs need a ${formatShape(spec)}`;
  throw mapMismatch(mapPin(pinDir, spec.name), shapes);
}

export const mapMismatch = (pin: string, reason: string): OperationalError =>
  new OperationalError({
    code: 'DATAPATH_PIN_MISMATCH',
    operation: 'open pinned map',
    subject: pin,
    reason,
    hint: 'another version of the agent, or another program, pinned it: give this agent another datapath.pinDir, or remove the pins (traffic to services stops until the maps are filled again)',
  });

/** struct bpf_obj_get_opts: its own size in 8 bytes, then flags; BPF_F_RDONLY is 8. */
function openOptions(access: PinAccess): Uint32Array {
  return Uint32Array.of(16, 0, access === 'read' ? 8 : 0, 0);
}
