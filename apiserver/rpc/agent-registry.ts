// What is known of this cluster's agents: who is connected, and what each kernel was last reported to hold. Written by the
// streams of this server, read by status pages and metrics. A node that is gone is remembered for a while, then forgotten.

import type { RefusedService } from '../../mesh/snapshot/ack.ts';
import type { Position } from '../../mesh/snapshot/snapshot.ts';
import type { Ack, Hello } from '../../mesh/wire/agent-message.ts';
import type { AgentTrust } from '../../mesh/wire/agent-trust.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { SnapshotFeed } from '../view/port.ts';

/** Kubernetes supports 5,000 nodes in a cluster; one server must be able to take all of them when its replicas are down. */
export const AGENTS_MAX = 5_000;
/** Nodes come and go in a cluster that scales; twice its size bounds what their memory may cost. */
const NODES_MAX = 2 * AGENTS_MAX;
/** Long enough that a node's last report outlives its reboot, short enough that removed nodes leave the status page. */
const FORGET_MS = 3_600_000;

export interface AgentStatus {
  readonly node: string;
  readonly connected: boolean;
  readonly software: string;
  /** What the node's kernel holds; absent before the first report. */
  readonly position: Position | undefined;
  /** Revisions behind the current snapshot; absent while that cannot be compared. */
  readonly lagRevisions: number | undefined;
  /** For how long what the kernel holds has been outdated; 0 when it is not. Absent while that cannot be compared. */
  readonly lagMs: number | undefined;
  readonly services: number;
  readonly backends: number;
  readonly refused: readonly RefusedService[];
  /** All refusals, of which `refused` has the first. */
  readonly refusedTotal: number;
  readonly reconcileMicros: number;
  readonly datapath: string;
  /** What it shows and accepts; absent where it does not say. */
  readonly trust: AgentTrust | undefined;
  /** Since the last message of the node. */
  readonly lastSeenMs: number;
}

export interface AgentSession {
  acknowledged(ack: Ack): void;
  close(): void;
}

interface AgentRecord {
  readonly software: string;
  readonly session: AgentSession | undefined;
  readonly replaced: () => void;
  readonly ack: Ack | undefined;
  readonly trust: AgentTrust | undefined;
  readonly seenAt: number;
}

export interface AgentRegistryDeps {
  readonly feed: SnapshotFeed;
  readonly clock: Clock;
  /** Something that status shows has changed. */
  readonly onChange?: () => void;
}

export class AgentRegistry {
  readonly #deps: AgentRegistryDeps;
  readonly #agents = new Map<string, AgentRecord>();

  constructor(deps: AgentRegistryDeps) {
    this.#deps = deps;
  }

  get connected(): number {
    let connected = 0;
    for (const { session } of this.#agents.values()) if (session !== undefined) connected += 1;
    return connected;
  }

  /** Sorted by node. */
  list(): readonly AgentStatus[] {
    this.#forget();
    return [...this.#agents]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([node, { software, session, ack, trust, seenAt }]) => ({
        node,
        connected: session !== undefined,
        software,
        position: ack?.position,
        lagRevisions: this.#lagRevisions(ack?.position),
        lagMs: this.#lagMs(ack?.position),
        services: ack?.services ?? 0,
        backends: ack?.backends ?? 0,
        refused: ack?.refused ?? [],
        refusedTotal: ack?.refusedTotal ?? 0,
        reconcileMicros: ack?.reconcileMicros ?? 0,
        datapath: ack?.datapath ?? '',
        trust,
        lastSeenMs: this.#deps.clock.monotonic() - seenAt,
      }));
  }

  /** `replaced` is called when the same node opens another session: an agent that restarted is the one that counts. */
  open({ node, software, trust }: Hello, replaced: () => void): AgentSession {
    if (this.#agents.size >= NODES_MAX) this.#forget();
    const session: AgentSession = {
      acknowledged: (ack) =>
        this.#update(node, session, (record) => ({ ...record, ack, trust: ack.trust ?? record.trust })),
      close: () => this.#update(node, session, (record) => ({ ...record, session: undefined })),
    };
    const before = this.#agents.get(node);
    const seenAt = this.#deps.clock.monotonic();
    this.#agents.set(node, { software, session, replaced, ack: before?.ack, trust, seenAt });
    if (before?.session !== undefined) before.replaced();
    this.#deps.onChange?.();
    return session;
  }

  #update(node: string, session: AgentSession, change: (record: AgentRecord) => AgentRecord): void {
    const record = this.#agents.get(node);
    if (record?.session !== session) return;
    this.#agents.set(node, { ...change(record), seenAt: this.#deps.clock.monotonic() });
    this.#deps.onChange?.();
  }

  #lagRevisions(position: Position | undefined): number | undefined {
    const current = this.#deps.feed.current?.position;
    if (position === undefined || current?.storeId !== position.storeId) return undefined;
    return Math.max(0, current.revision - position.revision);
  }

  #lagMs(position: Position | undefined): number | undefined {
    if (position === undefined || this.#lagRevisions(position) === undefined) return undefined;
    const since = this.#deps.feed.outdatedSince(position);
    return since === undefined ? 0 : this.#deps.clock.monotonic() - since;
  }

  #forget(): void {
    const now = this.#deps.clock.monotonic();
    const gone = [...this.#agents].filter(([, { session }]) => session === undefined);
    gone.sort(([, a], [, b]) => a.seenAt - b.seenAt);
    for (const [node, { seenAt }] of gone) {
      if (now - seenAt < FORGET_MS && this.#agents.size < NODES_MAX) break;
      this.#agents.delete(node);
    }
  }
}
