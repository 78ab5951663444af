// CM-KERN-001: what the nodes of the local cluster say of their kernels, made into findings: services that a node could not be given,
// and a node that stays behind. Nobody else's nodes are known here, and nothing about records is judged.

import { counted } from '../model/counted.ts';
import type { RefusedService } from '../snapshot/ack.ts';
import { catalogueRow } from './catalogue.ts';
import { Drafts } from './drafts.ts';
import { type Assessment, finish } from './evaluate.ts';
import { type Draft, type Effect, NO_EFFECT, type Severity, soleFingerprint } from './finding.ts';

/** What is known of one node's kernel, from its agent's last report. */
export interface NodeKernel {
  readonly node: string;
  readonly connected: boolean;
  /** The newest revision that the kernel holds; undefined before the first report. */
  readonly revision: number | undefined;
  /** For how long what it holds has been outdated. */
  readonly lagMs: number | undefined;
  /** The first refusals, of `refusedTotal`. */
  readonly refused: readonly RefusedService[];
  readonly refusedTotal: number;
}

/** Programming takes milliseconds, and an agent that starts again takes seconds. */
const LAG_MS_MAX = 30_000;
/** Enough to see the pattern; the node itself tells the rest. */
const REASONS_SHOWN_MAX = 10;
const SERVICES_SHOWN_MAX = 20;
const CODE = 'CM-KERN-001';

export interface KernelOptions {
  readonly local: string;
  readonly now: number;
}

export function assessKernels(nodes: readonly NodeKernel[], { local, now }: KernelOptions): Assessment {
  const { code, title, category } = catalogueRow(CODE);
  const drafts = new Drafts();
  const effects = new Map<string, Effect>();
  for (const node of nodes) {
    const refused = node.refused.filter((refusal) => refusal.code === CODE);
    if (refused.length > 0) drafts.add(CODE, local, () => refusalDraft(local, node, refused, effects));
    if ((node.lagMs ?? 0) > LAG_MS_MAX) drafts.add(CODE, local, () => lagDraft(local, node));
  }
  const findings = drafts.kept.map((draft) => finish(draft, { local, now, since: now, effects }));
  const total = findings.length + drafts.omitted.reduce((sum, { count }) => sum + count, 0);
  const reported = nodes.filter(({ revision }) => revision !== undefined).length;
  const result =
    total > 0
      ? ({ status: 'failed', reason: counted(total, 'finding') } as const)
      : reported === 0
        ? ({ status: 'skipped', reason: 'no agent has reported what its kernel holds' } as const)
        : ({ status: 'passed', reason: counted(reported, 'node') } as const);
  return { findings, omitted: drafts.omitted, checks: [{ code, title, category, ...result }] };
}

function refusalDraft(
  local: string,
  node: NodeKernel,
  refused: readonly RefusedService[],
  effects: Map<string, Effect>,
): Draft {
  const draft = draftOf(local, node, 'refused', 'error', {
    refused: refused.slice(0, REASONS_SHOWN_MAX).map(({ service, reason }) => ({ service, reason })),
    refused_total: Math.max(refused.length, node.refusedTotal),
  });
  const services = [...new Set<string>(refused.map(({ service }) => service))].sort();
  effects.set(draft.fingerprint, {
    ...NO_EFFECT,
    services: services.slice(0, SERVICES_SHOWN_MAX),
    services_total: services.length,
  });
  return draft;
}

/** Without the length of the delay: a finding that lasts stays the same. */
const lagDraft = (local: string, node: NodeKernel): Draft =>
  draftOf(local, node, 'behind', 'warning', {
    revision: node.revision ?? null,
    agent: node.connected ? 'connected' : 'not connected',
    limit_ms: LAG_MS_MAX,
  });

const draftOf = (
  local: string,
  { node }: NodeKernel,
  what: string,
  severity: Severity,
  evidence: Draft['evidence'],
): Draft => ({
  code: CODE,
  severity,
  subject: { cluster: local, kind: 'node', key: what, value: node },
  other: 'local',
  evidence,
  winner: null,
  fingerprint: soleFingerprint(CODE, local, node, what),
});
