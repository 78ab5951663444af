// The last climb to each peer. One is made when somebody asks, and when a link has failed and is not back soon: then status says on which
// rung, without anybody having to ask. Peers that are well are left alone.

import { setMaxListeners } from 'node:events';
import type { ClusterName } from '../../../mesh/model/names.ts';
import type { Clock } from '../../../runtime/clock.ts';
import { Gate } from '../../../runtime/gate.ts';
import type { Log } from '../../../runtime/log.ts';
import type { PeerSpec } from '../peer-spec.ts';
import { type ClimbDocument, climbDocument } from './document.ts';
import type { EndpointLadder } from './ladder.ts';

export interface LadderBookDeps {
  readonly spec: (peer: ClusterName) => PeerSpec | undefined;
  /** How often the link of a peer has failed. */
  readonly failures: (peer: ClusterName) => number;
  /** Whether the link follows the peer. */
  readonly follows: (peer: ClusterName) => boolean;
  readonly climb: (spec: PeerSpec, signal: AbortSignal) => Promise<readonly EndpointLadder[]>;
  readonly clock: Clock;
  readonly log: Log;
}

/** A link that fails again and again is not a reason to look as often: a look costs both sides a handshake. */
const CLIMB_PAUSE_MS = 10_000;
/** Most links that lose their door are back before, and those of hundreds of peers that lose theirs together have enough to do. */
const RETURN_MS = 2_000;
/** Looks that nobody has asked for: each is two handshakes, of some milliseconds of the one processor that the links have. */
const LOOKS_AT_ONCE = 4;
/** A door that answers has shown itself by then; who waits for one that does not keeps no other look from being made. */
const LOOK_PLACE_MS = 1_000;

interface Page {
  last: ClimbDocument | undefined;
  /** Whoever asks meanwhile gets the same answer. */
  underWay: Promise<ClimbDocument> | undefined;
  startedAt: number;
  failures: number;
  /** A link that fails again meanwhile does not put it off. */
  isDue: boolean;
  /** Takes back a look that is due. */
  cancel: () => void;
}

export class LadderBook {
  readonly #deps: LadderBookDeps;
  readonly #pages = new Map<ClusterName, Page>();
  readonly #end = new AbortController();
  readonly #gate: Gate;

  constructor(deps: LadderBookDeps) {
    this.#deps = deps;
    this.#gate = new Gate(deps.clock, LOOKS_AT_ONCE);
    // Each look that waits listens to it.
    setMaxListeners(0, this.#end.signal);
  }

  /** Absent where nobody has looked yet, or the peer is gone. */
  last(peer: ClusterName): ClimbDocument | undefined {
    return this.#pages.get(peer)?.last;
  }

  /** `undefined` where there is no such peer. Rejects where the own certificate cannot be read. */
  async climb(peer: ClusterName): Promise<ClimbDocument | undefined> {
    const spec = this.#deps.spec(peer);
    return spec === undefined ? undefined : this.#climb(spec, this.#page(peer));
  }

  /** Something about the peer may be other than before. */
  peerChanged(peer: ClusterName): void {
    const { spec, failures: failuresOf, clock } = this.#deps;
    if (spec(peer) === undefined) {
      this.#pages.get(peer)?.cancel();
      this.#pages.delete(peer);
      return;
    }
    const page = this.#page(peer);
    const failures = failuresOf(peer);
    if (failures === page.failures) return;
    page.failures = failures;
    if (page.isDue) return;
    page.isDue = true;
    const wait = page.startedAt + CLIMB_PAUSE_MS - clock.monotonic();
    page.cancel = clock.after(Math.max(RETURN_MS, wait), () => {
      page.isDue = false;
      this.#lookAfterFailure(peer).catch((error: unknown) => {
        if (!this.#end.signal.aborted)
          this.#deps.log.warn('cannot look where the link of a peer fails', { peer, error });
      });
    });
  }

  /** Ends climbs that are under way. */
  stop(): void {
    for (const { cancel } of this.#pages.values()) cancel();
    this.#end.abort();
  }

  async #lookAfterFailure(peer: ClusterName): Promise<void> {
    const { follows } = this.#deps;
    if (follows(peer)) return;
    const place = await this.#gate.enter(LOOK_PLACE_MS, this.#end.signal);
    try {
      if (!follows(peer)) await this.climb(peer);
    } finally {
      place.leave();
    }
  }

  #climb(spec: PeerSpec, page: Page): Promise<ClimbDocument> {
    page.underWay ??= this.#look(spec, page).finally(() => {
      page.underWay = undefined;
    });
    return page.underWay;
  }

  async #look(spec: PeerSpec, page: Page): Promise<ClimbDocument> {
    const { climb, clock } = this.#deps;
    page.startedAt = clock.monotonic();
    const found = climbDocument(await climb(spec, this.#end.signal), clock.now());
    page.last = found;
    return found;
  }

  #page(peer: ClusterName): Page {
    const known = this.#pages.get(peer);
    if (known !== undefined) return known;
    const page: Page = {
      last: undefined,
      underWay: undefined,
      startedAt: Number.NEGATIVE_INFINITY,
      failures: 0,
      isDue: false,
      cancel: () => {},
    };
    this.#pages.set(peer, page);
    return page;
  }
}
