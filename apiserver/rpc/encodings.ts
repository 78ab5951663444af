// Encodes what streams send, once for all of them. Agents are mostly at the same position, so a step is encoded once and its
// bytes are sent to each. A whole snapshot is encoded while its first reader goes along, and given to everybody who joins as
// long as the rest of the way is a step: after a restart, a hundred agents cost one encoding and a hundred small steps.

import type { Revision } from '../../mesh/model/names.ts';
import { diffSnapshots } from '../../mesh/snapshot/delta.ts';
import type { MeshSnapshot, Position } from '../../mesh/snapshot/snapshot.ts';
import { encodeDelta, encodeSnapshot } from '../../mesh/wire/mesh-writer.ts';
import type { SnapshotFeed } from '../view/port.ts';

/** A snapshot, and the position at which the receiver holds it: its own, or a later one at which nothing had changed. */
export interface HeldSnapshot {
  readonly snapshot: MeshSnapshot;
  readonly position: Position;
}

export interface EncodedStep {
  readonly messages: Iterable<Uint8Array>;
  /** What the receiver holds after the last message. */
  readonly after: HeldSnapshot;
}

export class Encodings {
  readonly #feed: SnapshotFeed;
  #whole: { readonly snapshot: MeshSnapshot; readonly messages: Iterable<Uint8Array> } | undefined;
  #target: MeshSnapshot | undefined;
  /** Steps to the target, by the revision they start from. */
  readonly #steps = new Map<Revision, Iterable<Uint8Array>>();

  constructor(feed: SnapshotFeed) {
    this.#feed = feed;
  }

  /**
   * A whole snapshot: the current one, or a recent one from which the current one is a step away. Never older than `floor`, which
   * the feed has reached: the receiver would refuse to go back.
   */
  whole(current: MeshSnapshot, floor: Position | undefined): EncodedStep {
    this.#dropOutdated();
    const minimum = floor?.storeId === current.position.storeId ? floor.revision : 0;
    if (floor !== undefined && minimum > current.position.revision) {
      // Another replica cut later than this one: at the floor, the content is still the current one.
      return {
        messages: encodeSnapshot({ ...current, position: floor }),
        after: { snapshot: current, position: floor },
      };
    }
    if (this.#whole === undefined || this.#whole.snapshot.position.revision < minimum) {
      this.#whole = { snapshot: current, messages: lazily(encodeSnapshot(current)) };
    }
    const { snapshot, messages } = this.#whole;
    return { messages, after: { snapshot, position: snapshot.position } };
  }

  step(held: HeldSnapshot, current: MeshSnapshot): EncodedStep {
    if (this.#target !== current) {
      this.#steps.clear();
      this.#target = current;
      this.#dropOutdated();
    }
    const { revision } = held.position;
    let messages = this.#steps.get(revision);
    if (messages === undefined) {
      messages = lazily(encodeDelta({ ...diffSnapshots(held.snapshot, current), from: held.position }));
      this.#steps.set(revision, messages);
    }
    return { messages, after: { snapshot: current, position: current.position } };
  }

  /** From what the feed no longer keeps, there is no step. */
  #dropOutdated(): void {
    const whole = this.#whole?.snapshot;
    if (whole !== undefined && this.#feed.at(whole.position) !== whole) this.#whole = undefined;
  }
}

/** Can be walked several times, also at the same time; each item is made once, when it is first asked for. */
export function lazily<T>(source: Iterator<T, void>): Iterable<T> {
  const made: T[] = [];
  return {
    *[Symbol.iterator]() {
      for (let index = 0; ; index += 1) {
        if (index === made.length) {
          const next = source.next();
          if (next.done === true) return;
          made.push(next.value);
        }
        yield made[index] as T;
      }
    },
  };
}
