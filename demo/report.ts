// The demo as one JSON document (`-o json`). Fields are only added.

import type { Residue } from '../lab/residue.ts';
import type { Finding } from '../mesh/conflict/finding.ts';
import type { Sample } from './evidence.ts';
import type { DemoOptions } from './options.ts';
import type { Stage } from './stage.ts';
import type { Figure, StepReport } from './step.ts';

export interface DemoDocument {
  readonly schema_version: 1;
  /** Every step was run and showed what it should. */
  readonly ok: boolean;
  readonly datapath: DemoOptions['datapath'];
  /** False with maps in memory: figures are then of what was programmed. */
  readonly packets_forwarded: boolean;
  readonly started_at: string;
  readonly duration_ms: number;
  readonly steps: readonly {
    readonly name: string;
    readonly title: string;
    readonly ok: boolean;
    readonly duration_ms: number;
    readonly figures: Readonly<Record<string, Figure>>;
    readonly problems: readonly string[];
  }[];
  readonly clusters: readonly {
    readonly name: string;
    readonly id: number;
    readonly pod_cidrs: readonly string[];
    readonly service_cidrs: readonly string[];
    readonly nodes: readonly string[];
  }[];
  readonly nodes: readonly {
    readonly name: string;
    readonly cluster: string;
    readonly address: string;
    readonly pod_cidr: string;
  }[];
  readonly services: readonly {
    readonly cluster: string;
    readonly service: string;
    readonly address: string;
    readonly backends: readonly string[];
  }[];
  /** Over the whole run, from the first to the last request. */
  readonly requests: {
    readonly total: number;
    readonly failed: number;
    readonly by_answering_cluster: Readonly<Record<string, number>>;
  };
  /** Every failed request by reason, and every step's problem. */
  readonly failures: readonly string[];
  readonly findings: readonly Finding[];
  /** What crashed runs had left and this one has removed. */
  readonly residue_removed: readonly string[];
}

export interface DocumentParts {
  readonly options: DemoOptions;
  readonly startedAt: number;
  readonly durationMs: number;
  readonly reports: readonly StepReport[];
  readonly complete: boolean;
  readonly stage: Stage;
  readonly whole: Sample;
  readonly residue: readonly Residue[];
}

export function demoDocument(parts: DocumentParts): DemoDocument {
  const { options, reports, stage, whole, residue } = parts;
  const clusters = stage.clusters;
  return {
    schema_version: 1,
    ok: parts.complete && reports.every(({ ok }) => ok),
    datapath: options.datapath,
    packets_forwarded: options.datapath === 'ebpf',
    started_at: new Date(parts.startedAt).toISOString(),
    duration_ms: Math.round(parts.durationMs),
    steps: reports.map(({ name, title, ok, durationMs, figures, problems }) => ({
      name,
      title,
      ok,
      duration_ms: Math.round(durationMs),
      figures,
      problems,
    })),
    clusters: clusters.map(({ plan: { spec } }) => ({
      name: spec.name,
      id: spec.id,
      pod_cidrs: spec.podCIDRs,
      service_cidrs: spec.serviceCIDRs,
      nodes: spec.nodes,
    })),
    nodes: clusters.flatMap(({ plan }) =>
      plan.nodes.map(({ name, address, podCIDR }) => ({ name, cluster: plan.name, address, pod_cidr: podCIDR })),
    ),
    services: clusters.flatMap((cluster) =>
      cluster.serviceList.map((service) => ({
        cluster: cluster.name,
        service: service.key,
        address: service.url,
        backends: service.backends.map(({ address }) => address),
      })),
    ),
    requests: {
      total: whole.requests,
      failed: whole.failed,
      by_answering_cluster: whole.requests === 0 ? {} : whole.byCluster,
    },
    failures: [
      ...Object.entries(whole.errors).map(([reason, count]) => `${count} requests: ${reason}`),
      ...reports.flatMap(({ name, problems }) => problems.map((problem) => `${name}: ${problem}`)),
    ],
    findings: reports.flatMap(({ findings = [] }) => findings),
    residue_removed: residue.flatMap(({ removed }) => removed),
  };
}
