// Notices whoever is taken for broken or silent although everybody is there: links to peers that ended, peers that are no longer fresh,
// an agent that has lost its API server. Links are counted by the server, so that none is missed between two looks.

import { isUnanswered, type MeshStage } from './stage.ts';

export interface Alarm {
  /** When it was seen, since the watch began; it happened within the second before. */
  readonly atMs: number;
  readonly who: string;
  readonly what: string;
}

const LOOK_EVERY_MS = 1_000;

export class LinkWatch {
  readonly alarms: Alarm[] = [];
  readonly #stage: Pick<MeshStage, 'agent' | 'status'>;
  readonly #begun = performance.now();
  readonly #disconnects = new Map<string, number>();
  readonly #present = new Set<string>();
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(stage: Pick<MeshStage, 'agent' | 'status'>) {
    this.#stage = stage;
  }

  async lookIfDue(): Promise<void> {
    if (performance.now() - this.#lookedAt >= LOOK_EVERY_MS) await this.look();
  }

  async look(): Promise<void> {
    this.#lookedAt = performance.now();
    const status = await this.#stage.status().catch(isUnanswered);
    for (const { name, disconnects, lastError, freshness } of status === false ? [] : status.peers) {
      const before = this.#disconnects.get(name) ?? disconnects;
      this.#disconnects.set(name, disconnects);
      for (let at = before; at < disconnects; at += 1) this.#add(name, lastError ?? 'its link ended');
      this.#note(name, freshness === 'fresh' ? undefined : freshness);
    }
    const agent = await this.#stage.agent().catch(isUnanswered);
    if (agent === false) return;
    const { connected, last_error } = agent.upstream;
    this.#note(agent.node, connected ? undefined : (last_error ?? 'it has lost its API server'));
  }

  /** Once for as long as it lasts. */
  #note(who: string, what: string | undefined): void {
    if (what === undefined) this.#present.delete(who);
    else if (!this.#present.has(who)) {
      this.#present.add(who);
      this.#add(who, what);
    }
  }

  #add(who: string, what: string): void {
    this.alarms.push({ atMs: Math.round(performance.now() - this.#begun), who, what });
  }
}
