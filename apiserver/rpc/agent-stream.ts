// What one agent is sent, and when. The stream remembers only what the agent holds; when there is something newer, and the
// message before has left, it sends one step from there to the newest. So an agent that reads slowly has no queue here: it gets
// fewer, larger steps. Bytes, transport and identity are not its business (server.ts).

import type { MeshSnapshot, Position } from '../../mesh/snapshot/snapshot.ts';
import type { Hello } from '../../mesh/wire/agent-message.ts';
import { encodeHeartbeat } from '../../mesh/wire/mesh-writer.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { SnapshotFeed } from '../view/port.ts';
import type { EncodedStep, Encodings, HeldSnapshot } from './encodings.ts';

/** A server that has not caught up with what an agent holds by then sends it to another. */
const BEHIND_MS_MAX = 5_000;

export interface AgentStreamDeps {
  readonly feed: SnapshotFeed;
  readonly encodings: Encodings;
  readonly clock: Clock;
  /** Resolves when the message has left and the next may follow: true, or false when the stream has ended. */
  readonly send: (bytes: Uint8Array) => Promise<boolean>;
}

/** Why a stream ended from this side; 'closed': it did so from the other. */
export type StreamEnd = 'closed' | 'behind';

type Next =
  | { readonly type: 'step'; readonly whole: boolean; readonly step: EncodedStep }
  | { readonly type: 'idle' }
  | { readonly type: 'behind' };

export class AgentStream {
  readonly #deps: AgentStreamDeps;
  readonly #openedAt: number;
  readonly #resume: Position | undefined;
  readonly #startOver: boolean;
  #held: HeldSnapshot | undefined;
  #closed = false;
  /** Something is to be said even if there is nothing new: an agent that heard it holds the newest uses what it holds. */
  #quiet = true;
  #wake: (() => void) | undefined;

  constructor(deps: AgentStreamDeps, { resume, startOver }: Pick<Hello, 'resume' | 'startOver'>) {
    this.#deps = deps;
    this.#resume = resume;
    this.#startOver = startOver;
    this.#openedAt = deps.clock.monotonic();
  }

  /** What has been sent whole. */
  get sent(): Position | undefined {
    return this.#held?.position;
  }

  /** The newest has not left for it. */
  get isBehind(): boolean {
    const { current } = this.#deps.feed;
    return current !== undefined && this.#held?.snapshot !== current;
  }

  /** There may be something newer. */
  wake(): void {
    this.#wake?.();
  }

  /** Says something if nothing has been said since the last beat. */
  beat(): void {
    this.#quiet = true;
    this.#wake?.();
  }

  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  async run(): Promise<StreamEnd> {
    while (!this.#closed) {
      const next = this.#next();
      if (next.type === 'behind') return 'behind';
      if (next.type === 'step') {
        if (!(await this.#sendAll(next.step.messages))) break;
        this.#held = next.step.after;
        // A whole snapshot is used once something has followed it: a step, or the word that there is none.
        if (next.whole) this.#quiet = true;
      } else if (this.#quiet) {
        if (!(await this.#sendAll([encodeHeartbeat(this.#deps.feed.reached)]))) break;
      } else await this.#woken();
    }
    return 'closed';
  }

  #next(): Next {
    const { feed, encodings, clock } = this.#deps;
    const { current, reached } = feed;
    if (current === undefined || reached === undefined) return { type: 'idle' };
    this.#held ??= this.#resumed();
    if (this.#held !== undefined) {
      if (this.#held.snapshot === current) return { type: 'idle' };
      if (this.#held.position.storeId !== current.position.storeId) return this.#whole(current);
      return { type: 'step', whole: false, step: encodings.step(this.#held, current) };
    }
    const ahead = this.#resume?.storeId === reached.storeId && this.#resume.revision > reached.revision;
    if (!ahead) return this.#whole(current);
    return { type: clock.monotonic() - this.#openedAt > BEHIND_MS_MAX ? 'behind' : 'idle' };
  }

  #resumed(): HeldSnapshot | undefined {
    const position = this.#resume;
    if (position === undefined || this.#startOver) return undefined;
    const snapshot = this.#deps.feed.at(position);
    return snapshot && { snapshot, position };
  }

  #whole(current: MeshSnapshot): Next {
    return {
      type: 'step',
      whole: true,
      step: this.#deps.encodings.whole(current, this.#held?.position ?? this.#resume),
    };
  }

  async #sendAll(messages: Iterable<Uint8Array>): Promise<boolean> {
    for (const bytes of messages) {
      this.#quiet = false;
      if (this.#closed || !(await this.#deps.send(bytes))) return false;
    }
    return true;
  }

  async #woken(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
  }
}
