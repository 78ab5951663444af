// The server's side of one watch stream of the memory store. Each watch has a cursor into the history; messages are made one
// by one when they are delivered, each in a turn of its own, so that a break between two of them loses what etcd would lose.

import type { Position } from '../../mesh/snapshot/snapshot.ts';
import type { OperationalError } from '../../runtime/errors.ts';
import type { KeyRange } from './key-range.ts';
import type { MemoryHistory } from './memory-history.ts';
import type { WatchListener, WatchMessage, WatchStream } from './mirror-port.ts';

interface Watch {
  readonly id: number;
  readonly range: KeyRange;
  /** The next revision to look at. */
  cursor: number;
}

export interface MemoryWatchDeps {
  readonly history: () => MemoryHistory;
  readonly position: () => Position;
  readonly listener: WatchListener;
  readonly onClosed: () => void;
}

export class MemoryWatchStream implements WatchStream {
  readonly #deps: MemoryWatchDeps;
  readonly #watches: Watch[] = [];
  /** Answers to requests: made when asked for, as etcd makes them. */
  readonly #answers: WatchMessage[] = [];
  held = false;
  #nextId = 0;
  #open = true;
  #pumping = false;

  constructor(deps: MemoryWatchDeps) {
    this.#deps = deps;
  }

  create(range: KeyRange, startRevision: number): void {
    const { storeId, revision } = this.#deps.position();
    const watchId = this.#nextId++;
    this.#answers.push({ type: 'created', watchId, storeId, revision });
    this.#watches.push({ id: watchId, range, cursor: startRevision });
    this.pump();
  }

  requestProgress(): void {
    const { storeId, revision } = this.#deps.position();
    this.#answers.push({ type: 'progress', watchId: -1, storeId, revision, requested: true });
    this.pump();
  }

  close(): void {
    this.#open = false;
    this.#deps.onClosed();
  }

  breakOff(error: OperationalError): void {
    if (!this.#open) return;
    this.close();
    queueMicrotask(() => this.#deps.listener.onEnd(error));
  }

  /** Delivers what there is, one message per turn. */
  pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    queueMicrotask(() => {
      this.#pumping = false;
      if (!this.#open || this.held) return;
      const message = this.#answers.shift() ?? this.#nextEvents();
      if (message === undefined) return;
      void this.#deps.listener.onMessage(message);
      this.pump();
    });
  }

  #nextEvents(): WatchMessage | undefined {
    const history = this.#deps.history();
    for (const [index, watch] of this.#watches.entries()) {
      if (watch.cursor <= history.compacted) {
        this.#watches.splice(index, 1);
        return { type: 'canceled', watchId: watch.id, compactRevision: history.compacted, reason: '' };
      }
      const change = history.nextChange(watch.range, watch.cursor);
      watch.cursor = Math.max(watch.cursor, (change?.revision ?? history.revision) + 1);
      if (change === undefined) continue;
      const { storeId } = this.#deps.position();
      const { events, revision: lastRevision } = change;
      return { type: 'events', watchId: watch.id, storeId, events, lastRevision, complete: true };
    }
    return undefined;
  }
}
