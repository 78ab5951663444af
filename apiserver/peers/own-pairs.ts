// What this cluster shows at the door of a single peer, where that peer's document names a pair of its own: followed on disk for as long
// as the document names it, so that its end is seen coming. The link to the peer reads the same files for itself (door-client.ts).

import type { ClusterName } from '../../mesh/model/names.ts';
import type { OwnLeaf } from '../../pki/trust/own-leaf.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Log } from '../../runtime/log.ts';
import { TlsFilesFollower } from '../../runtime/tls/tls-files.ts';
import type { PeerSpec } from './peer-spec.ts';

export interface OwnPairsDeps {
  readonly spec: (peer: ClusterName) => PeerSpec | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

interface Followed {
  readonly paths: string;
  readonly files: TlsFilesFollower;
  readonly stop: AbortController;
}

export class OwnPairs {
  readonly #deps: OwnPairsDeps;
  readonly #followed = new Map<ClusterName, Followed>();
  #stopped = false;

  constructor(deps: OwnPairsDeps) {
    this.#deps = deps;
  }

  /** Of pairs that have been good once: what cannot be read at all is the link's to say. */
  get leaves(): readonly OwnLeaf[] {
    return [...this.#followed].flatMap(
      ([
        peer,
        {
          files: { pair },
        },
      ]) => (pair === undefined ? [] : [{ use: `peer ${peer}`, byOthers: true, ...pair }]),
    );
  }

  /** The document of a peer is another, new, or gone. */
  peerChanged(peer: ClusterName): void {
    const spec = this.#deps.spec(peer);
    const paths = spec?.client === undefined ? undefined : JSON.stringify([spec.ca, spec.client]);
    const before = this.#followed.get(peer);
    if (this.#stopped || before?.paths === paths) return;
    before?.stop.abort();
    this.#followed.delete(peer);
    if (spec?.client === undefined || paths === undefined) return;
    const { clock, log } = this.#deps;
    const files = new TlsFilesFollower({ ca: spec.ca, ...spec.client }, { clock, log: log.child({ peer }) });
    const stop = new AbortController();
    this.#followed.set(peer, { paths, files, stop });
    void files.run(stop.signal);
  }

  /** From then on no file is looked at. */
  stop(): void {
    this.#stopped = true;
    for (const { stop } of this.#followed.values()) stop.abort();
    this.#followed.clear();
  }
}
