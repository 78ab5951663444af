import { expect, test } from 'vitest';
import type { ServiceKey } from '../model/names.ts';
import { explain } from './explain.ts';
import { assessKernels, type NodeKernel } from './kernel.ts';

const healthy: NodeKernel = { node: 'n1', connected: true, revision: 7, lagMs: 0, refused: [], refusedTotal: 0 };
const full = {
  service: 'shop/web' as ServiceKey,
  code: 'CM-KERN-001',
  reason: 'the map cm_lb4_services has 1 of 3 slots left',
};
const assessed = (...nodes: readonly NodeKernel[]) => assessKernels(nodes, { local: 'west', now: 0 });

test('nodes whose kernels hold everything pass; without any report nothing was looked at', () => {
  expect(assessed(healthy)).toMatchObject({ findings: [], checks: [{ status: 'passed', reason: '1 node' }] });
  expect(assessed({ ...healthy, revision: undefined })).toMatchObject({ checks: [{ status: 'skipped' }] });
});

test('a full map is one error for each node, with the services that it could not be given', () => {
  const { findings, checks } = assessed(healthy, { ...healthy, node: 'n2', refused: [full, full], refusedTotal: 2 });
  expect(findings).toMatchObject([
    { severity: 'error', subject: { cluster: 'west', value: 'n2' }, other: null, effect: { services: ['shop/web'] } },
  ]);
  expect(findings.map(explain)).toMatchObject([{ fix: 'Follow the hint of the node n2.' }]);
  expect(checks).toMatchObject([{ code: 'CM-KERN-001', status: 'failed' }]);
});

test('a node that stays behind is a warning; one that is only slow, and what this version cannot program, are none', () => {
  const unsupported = { ...full, code: 'AGENT_UNSUPPORTED' };
  const { findings } = assessed(
    { ...healthy, lagMs: 29_000, refused: [unsupported], refusedTotal: 1 },
    { ...healthy, node: 'n2', connected: false, lagMs: 31_000 },
  );
  expect(findings).toMatchObject([
    { severity: 'warning', subject: { value: 'n2' }, evidence: { revision: 7, agent: 'not connected' } },
  ]);
});
