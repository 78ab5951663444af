// Writes into the log which findings appear and which are gone, once each. Looks when something may have changed, at most once a
// second, and now and then without being told: some findings follow from time alone. A process that starts tells what it finds
// there once more.

import { clustersOf, type Finding } from '../../mesh/conflict/finding.ts';
import type { Report } from '../../mesh/conflict/report.ts';
import { type Clock, sleep } from '../../runtime/clock.ts';
import type { Log } from '../../runtime/log.ts';

export interface FindingLogDeps {
  readonly report: () => Pick<Report, 'findings'>;
  /** Before a report is drawn: what would take long then is done in turns. */
  readonly prepare: () => Promise<void>;
  /** Calls when findings may have changed; returns how to stop. */
  readonly onFindings: (listener: () => void) => () => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** Findings that come and go within this are not worth a line, and a burst of changes is one look. */
const PAUSE_MS = 1_000;
/**
 * Pauses are so many times as long as a look, of which nearly every change of a record asks for one: a look at 250 clusters takes four
 * milliseconds, and at three changes a second, with pauses of two seconds, that was a sixth of what a change cost. The log is no place
 * where a finding of such a mesh has to stand within ten seconds. Whoever asks over HTTP has it at once.
 */
const PAUSE_PER_LOOK = 2_000;
/** What nobody announces (time passes, agents lag) is noticed within this. */
const UNPROMPTED_MS = 30_000;
/** Of one code in one look; a peer that is wrong in everything must not fill the disk. The rest is counted. */
const LINES_PER_CODE_MAX = 100;

export class FindingLog {
  readonly #deps: FindingLogDeps;
  #present = new Map<string, Finding>();
  #changed = true;

  constructor(deps: FindingLogDeps) {
    this.#deps = deps;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, onFindings, prepare } = this.#deps;
    const stop = onFindings(() => {
      this.#changed = true;
    });
    try {
      let pauseMs = PAUSE_MS;
      for (let waited = 0; !signal.aborted; waited += pauseMs) {
        if (this.#changed || waited >= UNPROMPTED_MS) {
          waited = 0;
          await prepare();
          const begun = clock.monotonic();
          this.#look();
          pauseMs = Math.min(UNPROMPTED_MS, Math.max(PAUSE_MS, PAUSE_PER_LOOK * (clock.monotonic() - begun)));
        }
        await sleep(clock, pauseMs, signal).catch(() => undefined);
      }
    } finally {
      stop();
    }
  }

  #look(): void {
    this.#changed = false;
    const { report, log } = this.#deps;
    const before = this.#present;
    this.#present = new Map(report().findings.map((finding) => [finding.fingerprint, finding]));
    const appeared = [...this.#present.values()].filter(({ fingerprint }) => !before.has(fingerprint));
    const gone = [...before.values()].filter(({ fingerprint }) => !this.#present.has(fingerprint));
    tell(
      appeared,
      'appeared',
      (finding) => {
        const level = finding.severity === 'info' ? 'info' : 'warn';
        log[level]('finding appeared', fieldsOf(finding));
      },
      log,
    );
    tell(gone, 'disappeared', (finding) => log.info('finding disappeared', fieldsOf(finding)), log);
  }
}

function tell(findings: readonly Finding[], change: string, line: (finding: Finding) => void, log: Log): void {
  const told = new Map<string, number>();
  for (const finding of findings) {
    const count = (told.get(finding.code) ?? 0) + 1;
    told.set(finding.code, count);
    if (count <= LINES_PER_CODE_MAX) line(finding);
  }
  for (const [code, count] of told) {
    if (count > LINES_PER_CODE_MAX)
      log.warn('more findings changed', { change, code, count: count - LINES_PER_CODE_MAX });
  }
}

function fieldsOf(finding: Finding) {
  const { code, severity, subject, fingerprint } = finding;
  const thing = [subject.kind, subject.value === '' ? subject.key : subject.value].filter((part) => part !== '');
  const [, ...others] = clustersOf(finding);
  return { code, severity, subject: `${subject.cluster}: ${thing.join(' ')}`, other: others.join(', '), fingerprint };
}
