// The ladder of one peer: one climb for each of its endpoints, side by side, each through a connection of its own that reads next to
// nothing and is closed again. The link is left alone.

import { readFile } from 'node:fs/promises';
import type { ClusterName } from '../../../mesh/model/names.ts';
import type { Clock } from '../../../runtime/clock.ts';
import { OperationalError, reasonOf } from '../../../runtime/errors.ts';
import type { PeerSpec } from '../peer-spec.ts';
import type { OpenDoor, PeerLinkState } from '../port.ts';
import type { PeerKnowledge } from '../seen-door.ts';
import type { ProbeDoor, ProbeOutcome } from '../trust-probe.ts';
import { climb } from './climb.ts';
import { tlsStep } from './handshake.ts';
import { type Network, nameStep, tcpStep } from './network.ts';
import { questionSteps } from './questions.ts';
import type { Rung } from './rung.ts';

export interface LadderDeps {
  readonly self: ClusterName;
  readonly spec: PeerSpec;
  /** What this cluster shows: paths of PEM files. */
  readonly client: { readonly cert: string; readonly key: string };
  readonly known: Pick<PeerKnowledge, 'ca' | 'plain'>;
  readonly link: () => PeerLinkState | undefined;
  readonly network: Network;
  readonly probe: ProbeDoor;
  readonly openDoor: OpenDoor;
  readonly clock: Clock;
}

export interface EndpointLadder {
  readonly endpoint: string;
  readonly rungs: readonly Rung[];
}

/** A door has few replicas; a document that names more is looked at in part. */
const LADDER_ENDPOINTS_MAX = 8;

/** Rejects where the own certificate or the trust store cannot be read, or with the signal's reason. */
export function climbPeer(deps: LadderDeps, signal: AbortSignal): Promise<readonly EndpointLadder[]> {
  const endpoints = deps.spec.endpoints.slice(0, LADDER_ENDPOINTS_MAX);
  return Promise.all(endpoints.map((endpoint) => climbEndpoint(deps, endpoint, signal)));
}

async function climbEndpoint(deps: LadderDeps, endpoint: string, signal: AbortSignal): Promise<EndpointLadder> {
  const { self, spec, client, known, link, network, probe, openDoor, clock } = deps;
  const [certificate, key] = await Promise.all([ownFile(client.cert), ownFile(client.key)]);
  const url = new URL(endpoint);
  const [host, port] = [url.hostname.replace(/^\[|\]$/g, ''), url.port === '' ? 443 : Number(url.port)];
  const door = await openDoor({ ...spec, endpoints: [endpoint] });
  const now = () => clock.now();
  let addresses: readonly string[] = [];
  let address = host;
  let outcome: ProbeOutcome | undefined;
  const steps = [
    nameStep(host, network, (found) => {
      addresses = found;
    }),
    tcpStep(
      () => addresses,
      port,
      network,
      (reached) => {
        address = reached;
      },
    ),
    tlsStep({
      self,
      peer: spec.name,
      endpoint,
      serverName: spec.serverName,
      address: () => address,
      port,
      known,
      client: { certificate, key },
      probe,
      now,
      shown: (seen) => {
        outcome = seen;
      },
    }),
    ...questionSteps({ peer: spec.name, outcome: () => outcome, certificate, store: door.store, link, now }),
  ];
  try {
    return { endpoint, rungs: await climb(steps, clock, signal) };
  } finally {
    door.close();
  }
}

async function ownFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new OperationalError({
      code: 'LADDER_CERTIFICATE',
      operation: 'read what this cluster shows to peers',
      subject: path,
      reason: reasonOf(cause),
      hint: 'correct peers.client, or run pki init',
      cause,
    });
  }
}
