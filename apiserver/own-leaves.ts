// The leaves that this API server shows: until when they serve, and findings about those that nothing seems to renew. It looks at
// what is in use, not at what stands on disk, and judges that again when it is another, and now and then for the time that passes.

import type { Assessment } from '../mesh/conflict/evaluate.ts';
import { compareFindings, type Finding } from '../mesh/conflict/finding.ts';
import type { Check } from '../mesh/conflict/report.ts';
import { withoutDoubles } from '../pki/trust/findings.ts';
import { type OwnLeaf, type OwnTrust, ownLeafFindings } from '../pki/trust/own-leaf.ts';
import { type Clock, sleep } from '../runtime/clock.ts';
import { leafValidity } from '../runtime/tls/expiry.ts';

export interface OwnLeavesDeps {
  readonly leaves: () => readonly OwnLeaf[];
  readonly trust: () => OwnTrust;
  readonly clock: Clock;
}

interface Judged {
  /** What was judged. */
  readonly text: string;
  readonly at: number;
  readonly findings: readonly Finding[];
}

/** Certificates come to their ends to the second; reports may say so this late. */
const LOOK_EVERY_MS = 30_000;

export class OwnLeaves {
  readonly #deps: OwnLeavesDeps;
  readonly #listeners = new Set<() => void>();
  #judged: Judged = { text: '', at: Number.NEGATIVE_INFINITY, findings: [] };

  constructor(deps: OwnLeavesDeps) {
    this.#deps = deps;
  }

  /** Milliseconds since the epoch at which each leaf ends, by what it is used for. */
  get ends(): ReadonlyMap<string, number> {
    return new Map(this.#deps.leaves().map(({ use, certificate }) => [use, leafValidity(certificate).notAfter]));
  }

  /** The assessment of trust with what is wrong with the own leaves. */
  assess(trust: Assessment): Assessment {
    const findings = this.#findings();
    const count = this.#deps.leaves().length;
    if (count === 0) return trust;
    return {
      ...trust,
      findings: [...trust.findings, ...findings],
      checks: trust.checks.map((check) => checked(check, findings, count)),
    };
  }

  /** Tells when what time or new files have brought about is another than before, whoever has looked. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#findings();
      await sleep(this.#deps.clock, LOOK_EVERY_MS, signal).catch(() => {});
    }
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }

  #findings(): readonly Finding[] {
    const { leaves, trust, clock } = this.#deps;
    const now = clock.now();
    const [shown, own] = [leaves(), trust()];
    const text = JSON.stringify([shown, own]);
    if (text !== this.#judged.text || Math.abs(now - this.#judged.at) >= LOOK_EVERY_MS) {
      const findings = withoutDoubles(shown.flatMap((leaf) => ownLeafFindings(leaf, own, now)));
      const before = new Map(this.#judged.findings.map(({ fingerprint, since }) => [fingerprint, since]));
      const others = findings.length !== before.size || findings.some(({ fingerprint }) => !before.has(fingerprint));
      // Whoever asks now has the answer; those who asked before have not, and are told behind it.
      if (others) clock.after(0, () => this.#tell());
      this.#judged = {
        text,
        at: now,
        findings: findings
          .map((finding) => ({ ...finding, since: before.get(finding.fingerprint) ?? finding.since }))
          .sort(compareFindings),
      };
    }
    return this.#judged.findings;
  }
}

const JUDGED: ReadonlySet<string> = new Set(['CM-TRUST-004', 'CM-TRUST-005']);

/** A check that was not made for want of a peer was made for the own leaves. */
function checked(check: Check, findings: readonly Finding[], leaves: number): Check {
  if (!JUDGED.has(check.code)) return check;
  const found = findings.filter(({ code }) => code === check.code).length;
  const own = `${found === 0 ? leaves : found} own certificate${(found === 0 ? leaves : found) === 1 ? '' : 's'}`;
  if (found > 0)
    return { ...check, status: 'failed', reason: check.status === 'failed' ? `${check.reason}, ${own}` : own };
  return check.status === 'skipped' ? { ...check, status: 'passed', reason: own } : check;
}
