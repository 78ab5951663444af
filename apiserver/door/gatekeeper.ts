// Remembers who each certificate was found to be, since clients call often and show the same one. A verdict counts while the trust
// stores are the same, and for a short while only: certificates also expire.

import type { ClusterName } from '../../mesh/model/names.ts';
import { ok, type Result } from '../../mesh/model/result.ts';
import type { Clock } from '../../runtime/clock.ts';
import { type DoorIdentity, type DoorTrust, identify, storeFor } from './identity.ts';

export interface GatekeeperDeps {
  readonly own: ClusterName;
  readonly trust: DoorTrust;
  readonly clock: Clock;
}

/** What a client shows: DER, and the hash that names it. */
export interface Certificate {
  readonly raw: Uint8Array;
  readonly fingerprint256: string;
}

/** How long an expired certificate may still be taken for good. */
const VERDICT_MS = 30_000;
/** Every node of a large cluster and every replica of every peer; beyond, the oldest are judged again. */
const VERDICTS_MAX = 10_000;

interface Verdict {
  readonly identity: DoorIdentity;
  readonly judgedAt: number;
  /** What vouched. */
  readonly store: readonly string[];
}

export class Gatekeeper {
  readonly #deps: GatekeeperDeps;
  /** The oldest first. */
  readonly #verdicts = new Map<string, Verdict>();

  constructor(deps: GatekeeperDeps) {
    this.#deps = deps;
  }

  judge({ raw, fingerprint256 }: Certificate): Result<DoorIdentity, string> {
    const { own, trust, clock } = this.#deps;
    const known = this.#verdicts.get(fingerprint256);
    if (known !== undefined && this.#stands(known)) return ok(known.identity);
    this.#verdicts.delete(fingerprint256);
    const judged = identify({ leaf: raw, own, trust, now: clock.now() });
    // A refusal is not remembered: it may turn with any store, and whoever is refused has no claim to speed.
    if (!judged.ok) return judged;
    const store = storeFor(judged.value, trust) ?? [];
    this.#verdicts.set(fingerprint256, { identity: judged.value, judgedAt: clock.monotonic(), store });
    const [oldest] = this.#verdicts.keys();
    if (this.#verdicts.size > VERDICTS_MAX && oldest !== undefined) this.#verdicts.delete(oldest);
    return judged;
  }

  #stands({ identity, judgedAt, store }: Verdict): boolean {
    const { trust, clock } = this.#deps;
    if (clock.monotonic() - judgedAt > VERDICT_MS) return false;
    const now = storeFor(identity, trust);
    return now?.length === store.length && now.every((text, index) => text === store[index]);
  }
}
