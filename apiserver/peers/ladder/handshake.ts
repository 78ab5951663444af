// The rung of TLS: what the door presents is judged as it is in reports (pki/trust), so that both name the same fault with the same
// remedy. One handshake shows what both sides make of each other: its outcome is kept for the rung of authorization.

import type { ClusterName } from '../../../mesh/model/names.ts';
import { judgeTrust } from '../../../pki/trust/assess.ts';
import type { TlsPair } from '../../../runtime/tls/material.ts';
import type { PeerKnowledge } from '../seen-door.ts';
import type { ProbeDoor, ProbeOutcome } from '../trust-probe.ts';
import type { Step } from './climb.ts';
import { failed, passed, type RungFailure, type RungResult } from './rung.ts';

export interface HandshakeDeps {
  readonly self: ClusterName;
  readonly peer: ClusterName;
  readonly endpoint: string;
  readonly serverName: string;
  readonly address: () => string;
  readonly port: number;
  readonly known: Pick<PeerKnowledge, 'ca' | 'plain'>;
  readonly client: TlsPair;
  readonly probe: ProbeDoor;
  readonly now: () => number;
  readonly shown: (outcome: ProbeOutcome) => void;
}

/** A round trip or two and some arithmetic. */
const HANDSHAKE_MS = 4_000;
/** The handshake, and the first answer after it, for which the probe waits by itself. */
const TLS_MS = 7_000;

export function tlsStep(deps: HandshakeDeps): Step {
  return {
    rung: 'tls',
    limitMs: TLS_MS,
    late: silent,
    async take(signal) {
      const { address, port, serverName, known, client, probe, shown } = deps;
      const store = known.ca === undefined || known.ca === '' ? [] : [known.ca];
      const door = { host: address(), port, serverName, store, client, handshakeMs: HANDSHAKE_MS };
      const outcome = await probe(door, signal);
      shown(outcome);
      return outcome.chain.length === 0 ? withoutChain(outcome.problem ?? 'no chain') : judge(outcome, deps);
    },
  };
}

function judge(outcome: ProbeOutcome, { self, peer, endpoint, serverName, known, now }: HandshakeDeps): RungResult {
  const { chain, chainRefused } = outcome;
  const [leaf] = chain;
  const seen = `${leaf?.subject.replaceAll('\n', ', ') ?? ''}, valid to ${leaf?.validTo ?? ''}`;
  const { findings } = judgeTrust({
    cluster: peer,
    local: self,
    now: now(),
    ...known,
    chain: chain.map(String).join('\n'),
    handshake: { serverName, chainRefused },
    where: { chain: endpoint, ca: 'its trust store' },
  });
  const fault = findings.find(({ severity }) => severity === 'blocking');
  if (fault !== undefined) {
    const { code, evidence, title, remediation } = fault;
    return failed(seen, { code, reason: String(evidence.reason ?? title), remedy: remediation });
  }
  if (chainRefused === undefined) return passed(seen);
  return failed(seen, {
    code: 'CM-TRUST-001',
    reason: `TLS does not accept what the door presents: ${chainRefused}`,
    remedy: `Bind the authority of ${peer} to it in the trust store that its document names.`,
  });
}

const silent: RungFailure = {
  code: 'LADDER_TLS_TIMEOUT',
  reason: 'the port accepts, and then nothing answers the handshake',
  remedy: "Check that the endpoint names the peer's door, and that no proxy or load balancer on the way swallows TLS.",
};

function withoutChain(problem: string): RungResult {
  if (/^no answer/.test(problem)) return failed(problem, silent);
  if (/^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|RECORD_LAYER)/.test(problem)) {
    return failed(problem, {
      code: 'LADDER_NOT_TLS',
      reason: 'what listens there does not speak TLS',
      remedy:
        "Correct the port in the peer's endpoints: it names something else than the door, such as a plain HTTP port.",
    });
  }
  return failed(problem, {
    code: 'LADDER_TLS_FAILED',
    reason: `the handshake ended before a certificate was shown: ${problem}`,
    remedy:
      "Check that the endpoint names the peer's door, that it takes TLS 1.2 or newer, and that no proxy on the way ends TLS; the log of the peer's API server says what it refused.",
  });
}
