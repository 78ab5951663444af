// Asks a door the smallest question that the link asks it, to learn whether we may read there. A door that trusts many takes a certificate in
// the handshake that any of their authorities vouches for, and looks at the name in it only when something is asked for.

import { reasonOf } from '../../runtime/errors.ts';
import { isFailure, Meanings } from '../store/failures.ts';
import { peerKeys } from './peer-keys.ts';
import type { PeerSpec } from './peer-spec.ts';
import type { OpenDoor } from './port.ts';

/** `denied`: in the door's words, where it does not let us read. No answer: that is the link's to say, and says nothing of trust. */
export type ReadAnswer = { readonly denied: string | undefined } | 'no answer';

export type AskDoor = (spec: PeerSpec, endpoint: string, signal: AbortSignal) => Promise<ReadAnswer>;

/** A read of one key; an etcd that needs longer is ill. */
const QUESTION_MS = 3_000;

/** Never rejects. */
export const askDoor =
  (openDoor: OpenDoor): AskDoor =>
  async (spec, endpoint, signal) => {
    let close = () => {};
    try {
      const client = await openDoor({ ...spec, endpoints: [endpoint] });
      close = () => client.close();
      const limit = AbortSignal.any([signal, AbortSignal.timeout(QUESTION_MS)]);
      await client.store.get(peerKeys(spec.name).config, limit);
      return { denied: undefined };
    } catch (error) {
      return isFailure(error, Meanings.denied) ? { denied: reasonOf(error) } : 'no answer';
    } finally {
      close();
    }
  };
