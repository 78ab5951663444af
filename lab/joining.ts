// Two clusters of the lab become peers as two administrators would do it: one invites, the other joins, and a line of text is all that
// goes between them.

import type { Finding } from '../mesh/conflict/finding.ts';
import { type Clock, sleep } from '../runtime/clock.ts';
import { OperationalError } from '../runtime/errors.ts';
import { runCli } from './cli.ts';
import type { LabCluster } from './cluster.ts';

export interface LabInvitation {
  readonly token: string;
  readonly words: string;
}

export type JoinOutcome =
  | { readonly joined: true; readonly words: string }
  | { readonly joined: false; readonly status: number; readonly findings: readonly Finding[] };

/** An API server that has just started publishes its card, which an invitation needs, once it leads. */
const PUBLISHED_WITHIN_MS = 20_000;
const POLL_MS = 100;

export async function invite(
  inviter: LabCluster,
  peer: Pick<LabCluster, 'name'>,
  clock: Clock,
): Promise<LabInvitation> {
  const deadline = clock.monotonic() + PUBLISHED_WITHIN_MS;
  for (;;) {
    const outcome = await runCli(inviter.apiServer.socket, ['invite', '--peer', peer.name, '-o', 'json']);
    if (outcome.status === 0) return JSON.parse(outcome.stdout) as LabInvitation;
    const early = outcome.stderr.includes('[JOIN_NOT_READY]') && clock.monotonic() < deadline;
    if (!early) throw failed('invite', inviter.name, outcome.stderr);
    await sleep(clock, POLL_MS);
  }
}

/** Without asking anybody. A refusal for conflicts is an outcome; any other is an error. */
export async function joinWith(joiner: LabCluster, token: string, clock: Clock): Promise<JoinOutcome> {
  const deadline = clock.monotonic() + PUBLISHED_WITHIN_MS;
  for (;;) {
    const { status, stdout, stderr } = await runCli(joiner.apiServer.socket, ['join', token, '--yes', '-o', 'json']);
    if (status === 0) return { joined: true, words: (JSON.parse(stdout) as { words: string }).words };
    if (status === 1) return { joined: false, ...(JSON.parse(stdout) as { status: number; findings: Finding[] }) };
    const early = stderr.includes('[JOIN_NOT_READY]') && clock.monotonic() < deadline;
    if (!early) throw failed('join', joiner.name, stderr);
    await sleep(clock, POLL_MS);
  }
}

function failed(command: string, cluster: string, said: string): OperationalError {
  const reason = said.trim().split('\n')[0] || 'it said nothing';
  return new OperationalError({ code: 'LAB_JOIN', operation: command, subject: cluster, reason });
}
