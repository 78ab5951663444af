// What a person reads of a cluster's state.

import { expect, test } from 'vitest';
import type { StatusDocument } from '../apiserver/status.ts';
import { renderStatus } from './status.ts';

const document: StatusDocument = {
  schema_version: 1,
  cluster: { name: 'west', id: 1 },
  software: '0.1.0',
  leader: true,
  store: { id: 'abc', revision: 7, phase: 'live', stale_ms: undefined },
  source: { objects: 3, problems: [] },
  snapshot: { history: 'abc-1', revision: 7, reached: 7, services: 1 },
  peers: [],
  agents: [],
  health: {},
};

test('a problem in a manifest is told with its place, its object, its field and what to do', () => {
  const place = { file: '/m/a.yaml', severity: 'error', code: 'SOURCE_FIELD', line: 9, column: 48, since: 0 } as const;
  const problems = [
    {
      ...place,
      ...{ object: 'Service demo/b', field: 'spec.ports[0].port', reason: '80000 is not a port number' },
      hint: 'use a whole number from 1 to 65535',
    },
    { ...place, object: undefined, field: '', reason: 'is empty', hint: undefined },
  ];
  const lines = renderStatus({ ...document, source: { objects: 3, problems } }).split('\n');
  expect(lines.slice(-2)).toEqual([
    '/m/a.yaml:9:48: [SOURCE_FIELD] Service demo/b, spec.ports[0].port: 80000 is not a port number (use a whole number from 1 to 65535)',
    '/m/a.yaml:9:48: [SOURCE_FIELD] is empty',
  ]);
});
