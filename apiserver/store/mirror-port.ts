// What a mirror needs of an etcd: pages of a range at a fixed revision, and one watch stream that carries several watches.
// Adapters: the real client (kv.ts, watch-stream.ts) and the memory store. Internal to store/: others use port.ts.

import type { Position } from '../../mesh/snapshot/snapshot.ts';
import type { OperationalError } from '../../runtime/errors.ts';
import type { KeyRange } from './key-range.ts';
import type { KeyValue, StoreEvent } from './port.ts';

export interface PageRequest {
  readonly range: KeyRange;
  /** 0 reads the newest; the answer's position says which that was. */
  readonly revision: number;
  readonly limit: number;
}

export interface Page {
  readonly position: Position;
  readonly entries: readonly KeyValue[];
  /** What is left of the range, absent behind the last page. */
  readonly rest: KeyRange | undefined;
}

export type WatchMessage =
  | { readonly type: 'created'; readonly watchId: number; readonly storeId: string; readonly revision: number }
  | {
      readonly type: 'events';
      readonly watchId: number;
      readonly storeId: string;
      readonly events: readonly StoreEvent[];
      /** Of the last event, counting those that were left out because their key is not text. */
      readonly lastRevision: number;
      /** False: the same revisions go on in the next message of this watch. */
      readonly complete: boolean;
    }
  | {
      readonly type: 'progress';
      readonly watchId: number;
      readonly storeId: string;
      readonly revision: number;
      /** An answer to a request, about the whole stream, and not a statement about one watch. */
      readonly requested: boolean;
    }
  | { readonly type: 'canceled'; readonly watchId: number; readonly compactRevision: number; readonly reason: string };

export interface WatchListener {
  /** Whoever can holds the next message back until what this returns resolves; they are taken in order in any case. */
  onMessage(message: WatchMessage): Promise<void> | undefined;
  /** Once, last; not after `close`. */
  onEnd(error: OperationalError): void;
}

export interface WatchStream {
  /** Created answers come in the order of these calls. */
  create(range: KeyRange, startRevision: number): void;
  requestProgress(): void;
  close(): void;
}

export interface MirrorSource {
  /** Rejects with STORE_COMPACTED or STORE_FUTURE_REVISION where the revision is no longer or not yet there. */
  readPage(request: PageRequest, signal?: AbortSignal): Promise<Page>;
  /**
   * A page of each range, in one question and of one state. Rejects as `readPage` does, for all of them; with STORE_DENIED also where the
   * other side answers no such question, as doors of older versions.
   */
  readPages(requests: readonly PageRequest[], signal?: AbortSignal): Promise<readonly Page[]>;
  openWatch(listener: WatchListener): WatchStream;
}
