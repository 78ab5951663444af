// Whether the kernel closes sockets for this process, found out without closing one.

import { errnoText } from '../../../runtime/errno.ts';
import { OperationalError } from '../../../runtime/errors.ts';
import { NO_SOCKET } from '../inet-diag.ts';
import { SOCKET_PROTOCOLS, type SocketProtocol } from '../port.ts';
import { openDiagSocket } from './diag-socket.ts';

/** Throws an OperationalError where it does not. */
export function tryDestroying(): void {
  const diag = openDiagSocket();
  try {
    for (const protocol of SOCKET_PROTOCOLS) {
      // A kernel that cannot even tell of such sockets answers both questions with ENOENT: the listing comes first.
      for (const _ of diag.list(4, protocol));
      const answer = diag.destroy({ family: 4, protocol, id: NO_SOCKET });
      if (typeof answer === 'object') throw refused(protocol, answer.errno);
    }
  } finally {
    diag.close();
  }
}

const EPERM = 1;
const EOPNOTSUPP = 95;
const HINTS: Readonly<Record<number, string>> = {
  [EOPNOTSUPP]: 'use a kernel with CONFIG_INET_DIAG_DESTROY',
  [EPERM]: 'run as root, or grant CAP_NET_ADMIN',
};

const refused = (protocol: SocketProtocol, errno: number): OperationalError =>
  new OperationalError({
    code: 'SOCKETS_FAILED',
    operation: `close ${protocol} sockets`,
    reason: errnoText(errno),
    hint: HINTS[errno] ?? 'see the kernel log (dmesg)',
  });
