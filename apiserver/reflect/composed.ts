// Whole services that are made of pieces, for Cilium's readers of the cache. Made anew only when a piece is another one, and while a
// large service goes on changing its changes are written together, as the publisher does it with its own (whole-pace.ts). What
// our own programs read, the pieces, does not wait; nor does a removal, which is not decided here.

import { VALUE_BYTES_MAX } from '../../mesh/wire/record.ts';
import { wholeService } from '../../mesh/wire/whole-service.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Log } from '../../runtime/log.ts';
import { WholePace } from '../whole-pace.ts';
import type { AdmittedPieces } from './port.ts';

interface Composed {
  readonly pieces: AdmittedPieces;
  /** Undefined where the value would be larger than any reader takes: what stands then stays, and the log says so once. */
  bytes: Uint8Array | undefined;
  /** What makes the next one of this one, where few pieces change: whole-value.ts. */
  readonly isSpliceable: boolean;
}

export interface ComposedCopiesDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** The copy at this key had to wait, and may be written now. */
  readonly onDue: (key: string) => void;
}

export class ComposedCopies {
  readonly #pace: WholePace<string>;
  readonly #log: Log;
  readonly #made = new Map<string, Composed>();

  constructor({ clock, log, onDue }: ComposedCopiesDeps) {
    this.#log = log;
    this.#pace = new WholePace<string>({ clock, onDue });
  }

  /** Whether the copy is to be written with these pieces, now or later. `found`: as it stands. */
  isDue(key: string, pieces: AdmittedPieces, found: Uint8Array | undefined): boolean {
    const made = this.#made.get(key);
    if (made === undefined || !samePieces(made.pieces, pieces)) return true;
    if (made.bytes === undefined) return false;
    if (found === undefined || !same(made.bytes, found)) return true;
    // What was written came back: it is in memory once.
    made.bytes = found;
    return false;
  }

  /** What is to be written now, because it may be and differs; undefined otherwise. */
  next(key: string, pieces: AdmittedPieces, found: Uint8Array | undefined): Uint8Array | undefined {
    if (!this.isDue(key, pieces, found)) return undefined;
    const mayWrite = this.#pace.mayWrite(key, pieces.backends);
    if (!mayWrite && found !== undefined) return undefined;
    const before = this.#made.get(key);
    const whole = wholeService(pieces, before?.bytes && { ...before, bytes: before.bytes });
    if (whole === undefined) return undefined;
    const { bytes, isSpliceable } = whole;
    if (bytes.length > VALUE_BYTES_MAX) {
      if (before === undefined || before.bytes !== undefined) {
        this.#log.warn('service too large for readers of whole services', { key, bytes: bytes.length });
      }
      this.#made.set(key, { pieces, bytes: undefined, isSpliceable: false });
      return undefined;
    }
    const unchanged = found !== undefined && same(bytes, found);
    this.#made.set(key, { pieces, bytes: unchanged ? found : bytes, isSpliceable });
    return unchanged ? undefined : bytes;
  }

  /** The copy is not made of pieces, or not any more. */
  forget(key: string): void {
    if (this.#made.delete(key)) this.#pace.mayWrite(key, 0);
  }

  /** Nothing waits any more, and nothing is known. */
  clear(): void {
    this.#pace.stop();
    this.#made.clear();
  }
}

const samePieces = (a: AdmittedPieces, b: AdmittedPieces): boolean =>
  a.head === b.head && a.slices.length === b.slices.length && a.slices.every((slice, at) => slice === b.slices[at]);

const same = (a: Uint8Array, b: Uint8Array): boolean => a === b || Buffer.compare(a, b) === 0;
