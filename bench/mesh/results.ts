// What one run has found.

import type { Lateness } from './lateness.ts';
import type { Bare } from './measures/bare-copy.ts';
import type { Bootstrap } from './measures/bootstrap.ts';
import type { Churn } from './measures/churn.ts';
import type { LargeService } from './measures/large-service.ts';
import type { LiveMemory } from './measures/live-memory.ts';
import type { ManyAgents } from './measures/many-agents.ts';
import type { Publish } from './measures/publish.ts';
import type { Storm } from './measures/reconnect-storm.ts';
import type { Restart } from './measures/restart.ts';
import type { Silence } from './measures/silent-peers.ts';
import type { MeshSize } from './size.ts';
import type { Datapath } from './stage.ts';
import type { Timeline } from './timeline.ts';

export interface Results {
  readonly size: MeshSize;
  readonly datapath: Datapath;
  /** Of all doors together. */
  readonly played: { readonly records: number; readonly bytes: number };
  readonly bare: Bare | undefined;
  readonly bootstrap: Bootstrap;
  readonly live: LiveMemory | undefined;
  readonly churn: Churn | undefined;
  readonly large: LargeService | undefined;
  readonly publish: Publish | undefined;
  readonly agents: ManyAgents | undefined;
  readonly storm: Storm | undefined;
  readonly silence: Silence | undefined;
  readonly restart: Restart | undefined;
  /** What came after it was not measured. */
  readonly failed: { readonly measure: string; readonly reason: string } | undefined;
  readonly timeline: Timeline;
  /** Milliseconds that each program's event loop was late, over the whole run but the restart. */
  readonly loops: readonly (Lateness & { readonly process: string })[];
}
