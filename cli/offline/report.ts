// The report of a folder: the same judgement that an API server makes of what it receives, and of the certificates that it is
// shown.

import { type Assessment, reportOf } from '../../mesh/conflict/evaluate.ts';
import type { Report } from '../../mesh/conflict/report.ts';
import { type OfflineMesh, readMesh } from './read-mesh.ts';

export async function offlineReport(folder: string, now: number): Promise<Report> {
  const mesh = await readMesh(folder, now);
  return reportOf(mesh.evaluation, { now, more: await trustOf(mesh, now) });
}

/** Undefined where no certificate is given: then nothing about trust was looked at, and the report says so. */
async function trustOf({ clusters, evaluation }: OfflineMesh, now: number): Promise<Assessment | undefined> {
  const inputs = [...clusters]
    .filter(([, { ca, chain }]) => ca !== undefined || chain !== undefined)
    .map(
      ([
        cluster,
        {
          ca,
          chain,
          declarations: { card, admitted, clockOffsetMs },
        },
      ]) => ({
        cluster,
        ca,
        chain,
        local: evaluation.local,
        now,
        plain: card === undefined,
        admittedPins: admitted?.trust.spkiPins,
        currentPins: card?.value?.trust.spkiPins,
        clockOffsetMs,
      }),
    );
  if (inputs.length === 0) return undefined;
  const { assessTrust } = await import('../../pki/trust/assess.ts');
  return assessTrust(inputs);
}
