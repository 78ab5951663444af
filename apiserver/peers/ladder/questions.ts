// The upper rungs, asked of the door as the link asks it: may we read, does an etcd answer, has it a card, and has everything
// arrived. The last is not asked of the door but of the link, which alone knows.

import { counted } from '../../../mesh/model/counted.ts';
import type { ClusterName } from '../../../mesh/model/names.ts';
import { type ClientRefusal, clientRefusalProblem } from '../../../pki/trust/client-refusal.ts';
import { reasonOf } from '../../../runtime/errors.ts';
import type { Store } from '../../store/port.ts';
import { peerKeys } from '../peer-keys.ts';
import type { PeerLinkState } from '../port.ts';
import type { ProbeOutcome } from '../trust-probe.ts';
import type { Step } from './climb.ts';
import { codeOf } from './network.ts';
import { failed, passed, type RungFailure, type RungResult, unknown } from './rung.ts';

export interface QuestionDeps {
  readonly peer: ClusterName;
  readonly outcome: () => ProbeOutcome | undefined;
  /** PEM of what this cluster shows. */
  readonly certificate: string;
  readonly store: Pick<Store, 'get' | 'status'>;
  readonly link: () => PeerLinkState | undefined;
  readonly now: () => number;
}

/** A read of one key; an etcd that needs longer is ill. */
const QUESTION_MS = 3_000;

export function questionSteps(deps: QuestionDeps): readonly Step[] {
  const { peer, store, link } = deps;
  const keys = peerKeys(peer);
  const slow: RungFailure = {
    code: 'LADDER_ETCD_TIMEOUT',
    reason: 'the door answers the handshake, and then no question',
    remedy: `Look at the etcd of ${peer} and at the log of its API server: the one behind the door is down or overloaded.`,
  };
  const ask = { limitMs: QUESTION_MS, late: slow };
  const steps: readonly Step[] = [
    { rung: 'authorization', ...ask, take: (signal) => authorization(deps, keys.config, signal) },
    {
      rung: 'etcd',
      ...ask,
      async take(signal) {
        const { version, storeId, revision } = await store.status(signal);
        return passed(`etcd ${version}, store ${storeId}, revision ${revision}`);
      },
    },
    {
      rung: 'card',
      ...ask,
      async take(signal) {
        const card = await store.get(keys.card, signal).catch((error: unknown) => {
          if (codeOf(error) === 'STORE_DENIED') return 'hidden' as const;
          throw error;
        });
        if (card === 'hidden') return passed('hidden: a plain Cilium cluster');
        return passed(card === undefined ? 'none: a plain Cilium cluster' : `${card.value.length} bytes`);
      },
    },
    { rung: 'sync', ...ask, take: async () => syncOf(peer, link()) },
  ];
  return steps.map((step) => ({ ...step, take: (signal) => answered(deps, step.take, signal) }));
}

async function authorization(deps: QuestionDeps, key: string, signal: AbortSignal): Promise<RungResult> {
  const { outcome, store } = deps;
  const { clientRefused, accepted, problem } = outcome() ?? {};
  if (clientRefused !== undefined) {
    return failed(clientRefused, refusedUs(deps, { at: 'handshake', how: clientRefused }));
  }
  if (accepted !== true) return unknown(problem ?? 'the door did not say whether it takes our certificate');
  try {
    await store.get(key, signal);
    return passed('it takes our certificate, and lets us read');
  } catch (error) {
    signal.throwIfAborted();
    if (codeOf(error) === 'STORE_DENIED') return failed(reasonOf(error), deniedReading(deps, error));
    // It took the certificate; that it then answers nothing of use is the next rung's to say.
    return passed('it takes our certificate');
  }
}

/** As the report says it. */
function refusedUs({ peer, certificate, now }: QuestionDeps, refusal: ClientRefusal): RungFailure {
  const refused = { refusal, cluster: peer, local: undefined, shown: certificate, now: now() };
  const { code, reason, remedy } = clientRefusalProblem(refused);
  return { code, reason, remedy };
}

const deniedReading = (deps: QuestionDeps, error: unknown): RungFailure =>
  refusedUs(deps, { at: 'reading', how: reasonOf(error) });

/** An error of the store is an answer too: of something that is no etcd, or of one that is ill. */
async function answered(deps: QuestionDeps, take: Step['take'], signal: AbortSignal): Promise<RungResult> {
  const { peer } = deps;
  try {
    return await take(signal);
  } catch (error) {
    signal.throwIfAborted();
    const reason = reasonOf(error);
    if (codeOf(error) === 'STORE_DENIED') return failed(reason, deniedReading(deps, error));
    const busy = codeOf(error) === 'STORE_BUSY';
    return failed(reason, {
      code: busy ? 'LADDER_ETCD_BUSY' : 'LADDER_NOT_ETCD',
      reason: busy ? `the etcd of ${peer} is overloaded` : `no etcd answers there: ${reason}`,
      remedy: busy
        ? `Look at the load of the etcd of ${peer}.`
        : `Correct the port in the peer's endpoints to the door of ${peer}, or start the etcd behind it.`,
    });
  }
}

function syncOf(peer: ClusterName, state: PeerLinkState | undefined): RungResult {
  if (state === undefined) return unknown('this cluster has no link to it yet');
  const { synced, records, phase, freshness, unsynced, failures } = state;
  if (synced && phase === 'live') return passed(`${counted(records, 'record')}, ${freshness}`);
  const seen = `link ${phase}, ${counted(records, 'record')}, ${counted(unsynced.length, 'canary', 'canaries')} missing`;
  // A link is given time to list; one that keeps failing where the ladder holds is wrong.
  if (phase !== 'live' && failures === 0) return unknown(seen);
  return failed(seen, {
    code: 'LADDER_NOT_SYNCED',
    reason: phase === 'live' ? `not seen: ${unsynced.join(', ')}` : `the link is ${phase}: ${state.lastError ?? ''}`,
    remedy: `Look at the log of the API server of ${peer}: it says that it is whole only once it has published everything.`,
  });
}
