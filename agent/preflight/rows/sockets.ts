// Closing the sockets of withdrawn backends: what the kernel and the rights of this process allow. The datapath works without.

import type { PreflightObserved } from '../observed.ts';
import { type CheckRow, failed, judgeAttempt, PASSED, unknown, type Verdict } from '../verdict.ts';
import { lacks } from './privileges.ts';

export const SOCKET_ROWS: readonly CheckRow[] = [
  {
    id: 'close-sockets',
    title: 'sockets of withdrawn backends can be closed',
    optional: true,
    judge: ({ closeSockets, capabilities }) => {
      // The kernel asks for it only when there is a socket to close.
      if (capabilities !== undefined && lacks(capabilities, 'CAP_NET_ADMIN'))
        return failed('CAP_NET_ADMIN missing', 'run as root, or grant CAP_NET_ADMIN');
      const remedy = 'use a kernel with CONFIG_INET_DIAG, CONFIG_INET_UDP_DIAG and CONFIG_INET_DIAG_DESTROY';
      return judgeAttempt(closeSockets, remedy);
    },
  },
  {
    id: 'namespaces',
    title: 'they can be in any network namespace of the node',
    optional: true,
    judge: judgeNamespaces,
  },
];

/** Where everything runs in the agent's own namespace, nothing is missing: so it is no failure. */
function judgeNamespaces({ capabilities, nodePids }: PreflightObserved): Verdict {
  if (!nodePids) {
    return unknown(
      'this process sees only processes of its own pid namespace',
      'run it in the pid namespace of the node (hostPID)',
    );
  }
  if (capabilities === undefined) return unknown('/proc/self/status does not say');
  const missing = (['CAP_SYS_ADMIN', 'CAP_SYS_PTRACE'] as const).filter((name) => lacks(capabilities, name));
  if (missing.length === 0) return PASSED;
  return unknown(
    `without ${missing.join(' and ')} only those in the agent's own are closed`,
    `where pods have namespaces of their own: grant ${missing.join(' and ')}`,
  );
}
