// A command of the operator's that carries certificates to where they are used. It is due whenever a leaf is another than when the
// command last succeeded, whoever has issued it; so it runs once at the start, and again in growing pauses while it fails.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { RoundEntry } from '../pki/renew/round.ts';
import type { Clock } from '../runtime/clock.ts';
import { reasonOf } from '../runtime/errors.ts';
import type { Random } from '../runtime/random.ts';
import { WorkQueue } from '../runtime/work-queue.ts';
import type { RenewalEvent } from './renewal-events.ts';

export interface AfterRenewalDeps {
  /** For `sh -c`; finds the folder in CLUSTERMESH_PKI. */
  readonly command: string;
  readonly dir: string;
  readonly say: (event: RenewalEvent) => void;
  readonly clock: Clock;
  readonly random: Random;
}

/** Copies to hundreds of machines take minutes; what takes longer hangs. */
const COMMAND_MS_MAX = 10 * 60_000;
const PAUSES = { delayMsMin: 5_000, delayMsMax: 120_000 };
/** What is kept of its output, and what of that is told. */
const OUTPUT_BYTES_MAX = 1024 * 1024;
const REASON_CHARACTERS_MAX = 300;

export class AfterRenewal {
  readonly #deps: AfterRenewalDeps;
  readonly #queue: WorkQueue<'command'>;
  /** The leaves as they stand, and as they stood when the command last succeeded. */
  #standing = '';
  #carried = '';
  #failure: string | undefined;

  constructor(deps: AfterRenewalDeps) {
    this.#deps = deps;
    this.#queue = new WorkQueue({
      name: 'after renewal',
      clock: deps.clock,
      random: deps.random,
      backoff: PAUSES,
      work: (_, signal) => this.#carry(signal),
      onError: (error) => this.#failed(outputReason(error)),
    });
  }

  /** The leaves as a round has left them. */
  look(entries: readonly RoundEntry[]): void {
    this.#standing = entries
      .map(({ leaf }) => `${leaf.place.paths.cert} ${leaf.certificate?.fingerprint256 ?? ''}`)
      .join('\n');
    if (this.#standing !== this.#carried) this.#queue.add('command');
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#queue.run(signal);
  }

  async #carry(signal: AbortSignal): Promise<undefined> {
    const { command, dir, say } = this.#deps;
    const standing = this.#standing;
    if (standing === this.#carried) return;
    await promisify(execFile)('sh', ['-c', command], {
      env: { ...process.env, CLUSTERMESH_PKI: dir },
      timeout: COMMAND_MS_MAX,
      maxBuffer: OUTPUT_BYTES_MAX,
      signal,
    });
    this.#carried = standing;
    this.#failure = undefined;
    say({ event: 'carried', command });
  }

  #failed(reason: string): void {
    const known = this.#failure === reason;
    this.#failure = reason;
    if (known) return;
    const { command, say } = this.#deps;
    const remedy =
      'Make the command succeed: it is tried again; until then programs elsewhere keep the certificates they have.';
    say({ event: 'not_carried', command, reason, remedy });
  }
}

/** Its last word, or how it ended. */
function outputReason(error: unknown): string {
  const output = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
  const word = output.split('\n').at(-1) ?? '';
  return (word === '' ? reasonOf(error) : word).slice(0, REASON_CHARACTERS_MAX);
}
