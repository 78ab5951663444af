// Whether an etcd takes what the next authority signs. It reads its trusted authorities when it starts, and at no other time: before
// anything of the next one is shown to it, it has to have been restarted. Asked with a certificate that nobody else ever sees.

import { probeDoor } from '../../apiserver/peers/trust-probe.ts';
import type { Authority } from '../../pki/authority.ts';
import { issue } from '../../pki/issue.ts';
import { hostPort } from '../../runtime/listen.ts';

export interface AskedEtcd {
  /** `host:port` */
  readonly endpoint: string;
  readonly next: Authority;
  /** PEM: who may vouch for the etcd. */
  readonly store: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Long enough for one question. */
const LIFE_MS = 10 * 60_000;

/** What stands in the way; `undefined` where the etcd takes it. */
export async function untilEtcdTakes(
  { endpoint, next, store, now }: AskedEtcd,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { host, port } = hostPort(endpoint);
  const client = await issue({ authority: next, profile: 'etcd-client', now, ttlMs: LIFE_MS });
  const { accepted, clientRefused, problem } = await probeDoor(
    { host, port, serverName: 'localhost', store: [store], client },
    signal,
  );
  if (accepted) return undefined;
  if (clientRefused === undefined) return `etcd ${endpoint} was not reached: ${problem ?? 'no answer'}`;
  return `etcd ${endpoint} does not take what the next authority signs (${clientRefused}): restart it, one member after the other`;
}
