// What a host must have before the datapath can work, as rows. Each says what it found, why that is not enough and what to do.
// Pure: everything it knows is in the observed value. The rows are in rows/, by subject.

import type { PreflightObserved } from './observed.ts';
import { judgeFeatures, judgeLoad } from './rows/features.ts';
import { HOST_ROWS } from './rows/host.ts';
import { MOUNT_ROWS } from './rows/mounts.ts';
import { NEIGHBOUR_ROWS } from './rows/neighbours.ts';
import { PRIVILEGE_ROWS } from './rows/privileges.ts';
import { SOCKET_ROWS } from './rows/sockets.ts';
import { SYSCTL_ROWS } from './rows/sysctls.ts';
import { judgeRows, type PreflightCheck } from './verdict.ts';

export function judgePreflight(observed: PreflightObserved): readonly PreflightCheck[] {
  return [
    ...judgeRows([...HOST_ROWS, ...PRIVILEGE_ROWS, ...MOUNT_ROWS], observed),
    ...judgeFeatures(observed),
    judgeLoad(observed),
    ...judgeRows([...NEIGHBOUR_ROWS, ...SYSCTL_ROWS, ...SOCKET_ROWS], observed),
  ];
}

/** The datapath cannot be opened. */
export const isObstacle = ({ status, optional }: PreflightCheck): boolean => status === 'failed' && optional !== true;
