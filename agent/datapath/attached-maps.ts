// The maps that the attached programs of a node use, found through the pinned links. They are what forwards: a pin may be missing, or
// lead elsewhere, because somebody removed it or an agent was killed while it gave the node other maps.

import { closeSync } from 'node:fs';
import { describeCgroupLink, describeMap, type MapDescription, mapIdsOf } from './kernel-info.ts';
import type { Libbpf } from './libbpf.ts';
import { linkPins } from './pins.ts';

export interface FoundMap {
  /** The finder's caller closes it. */
  readonly fd: number;
  readonly description: MapDescription;
}

/** Each map once, whatever its name. None where the kernel does not tell: it asks CAP_SYS_ADMIN for this. */
export function openAttachedMaps(calls: Libbpf, pinDir: string): readonly FoundMap[] {
  const ids = new Set(linkPins(pinDir).flatMap((pin) => mapIdsBehind(calls, pin)));
  return [...ids].flatMap((id) => {
    // It may be gone by now.
    const fd = calls.openMap(id);
    if (fd < 0) return [];
    const description = describeMap(calls, fd);
    if (description !== undefined) return [{ fd, description }];
    closeSync(fd);
    return [];
  });
}

function mapIdsBehind(calls: Libbpf, pin: string): readonly number[] {
  const linkFd = calls.openPin(pin, null);
  if (linkFd < 0) return [];
  const link = describeCgroupLink(calls, linkFd);
  closeSync(linkFd);
  const programFd = link === undefined ? -1 : calls.openProgram(link.programId);
  if (programFd < 0) return [];
  const ids = mapIdsOf(calls, programFd);
  closeSync(programFd);
  return ids;
}
