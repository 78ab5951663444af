import { describe, expect, test } from 'vitest';
import type { ClusterName } from '../../mesh/model/names.ts';
import { EntranceTable } from './entrances.ts';
import { backend, port, type SampleService, service } from './sample.ts';
import { desireService } from './service.ts';
import { TargetTable } from './targets.ts';

const desire = (options: SampleService) =>
  desireService(service(options), 'west' as ClusterName, {
    targets: new TargetTable(),
    entrances: new EntranceTable(),
  });
/** `name: count of backends`, with a bar between those that new connections get and the rest. */
const shown = (options: SampleService) =>
  desire(options).frontends.map(({ entrance: { name }, backends, count }) => {
    const names = Array.from(backends, (b) => b.name);
    return `${name}: ${names.slice(0, count).join(' ')} | ${names.slice(count).join(' ')}`.trimEnd();
  });

test('every cluster IP has every port, with the targets of that port name', () => {
  const both = [port(8080, 'http'), port(9090, 'metrics')];
  expect(
    shown({
      frontends: ['172.20.0.10', '172.20.0.11'],
      ports: [port(80, 'http'), port(9000, 'metrics')],
      backends: [
        backend('10.1.0.1', { ports: both }),
        backend('10.2.0.1', { ports: [port(3000, 'http'), port(80, 'other')] }),
      ],
    }),
  ).toEqual([
    '172.20.0.10:80/TCP: 10.2.0.1:3000/TCP#2 10.1.0.1:8080/TCP#1 |',
    '172.20.0.11:80/TCP: 10.2.0.1:3000/TCP#2 10.1.0.1:8080/TCP#1 |',
    '172.20.0.10:9000/TCP: 10.1.0.1:9090/TCP#1 |',
    '172.20.0.11:9000/TCP: 10.1.0.1:9090/TCP#1 |',
  ]);
});

test('one port name may mean one port per protocol', () => {
  const dns = [port(53, 'dns', 'UDP'), port(5353, 'dns', 'TCP')];
  expect(
    shown({ ports: [port(53, 'dns', 'UDP'), port(53, 'dns', 'TCP')], backends: [backend('10.1.0.1', { ports: dns })] }),
  ).toEqual(['172.20.0.10:53/UDP: 10.1.0.1:53/UDP#1 |', '172.20.0.10:53/TCP: 10.1.0.1:5353/TCP#1 |']);
});

test('several names that lead to one target count once', () => {
  const ports = [port(8080, 'a'), port(8080, 'b')];
  expect(shown({ ports: [port(80, 'a'), port(80, 'b')], backends: [backend('10.1.0.1', { ports })] })).toEqual([
    '172.20.0.10:80/TCP: 10.1.0.1:8080/TCP#1 |',
  ]);
});

describe('terminating backends', () => {
  const gone = (address: string) => backend(address, { state: 'terminating' });
  test('come after the active ones and get no new connections', () => {
    expect(shown({ backends: [gone('10.1.0.1'), '10.1.0.2', gone('10.1.0.3')] })).toEqual([
      '172.20.0.10:80/TCP: 10.1.0.2:8080/TCP#1 | 10.1.0.1:8080/TCP#1 10.1.0.3:8080/TCP#1',
    ]);
  });
  test('are used when there is no other', () => {
    expect(shown({ backends: [gone('10.1.0.1'), gone('10.1.0.2')] })).toEqual([
      '172.20.0.10:80/TCP: 10.1.0.1:8080/TCP#1 10.1.0.2:8080/TCP#1 |',
    ]);
  });
});

test('a service without backends keeps its frontends', () => {
  expect(shown({ backends: [] })).toEqual(['172.20.0.10:80/TCP:  |']);
});

test('what cannot be programmed yet is refused with a reason, the rest is programmed', () => {
  const desired = desire({ frontends: ['172.20.0.10'], ports: [port(80), port(99, 's', 'SCTP')] });
  expect(desired.frontends.map(({ entrance }) => entrance.name)).toEqual(['172.20.0.10:80/TCP']);
  expect(desired.refused).toEqual([
    { service: 'shop/cart', code: 'AGENT_UNSUPPORTED', reason: 'SCTP ports cannot be programmed yet: 99' },
  ]);
});

describe('a service of both families', () => {
  const frontends = ['172.20.0.10', 'fd00::a'];
  test('has behind each address the backends of its family', () => {
    expect(shown({ frontends, backends: ['10.1.0.1', 'fd00:2::1', '10.2.0.1'] })).toEqual([
      '172.20.0.10:80/TCP: 10.2.0.1:8080/TCP#2 10.1.0.1:8080/TCP#1 |',
      '[fd00::a]:80/TCP: [fd00:2::1]:8080/TCP#2 |',
    ]);
  });
  test('rejects what it has no backend of that family for', () => {
    expect(shown({ frontends, backends: ['10.1.0.1'] })).toEqual([
      '172.20.0.10:80/TCP: 10.1.0.1:8080/TCP#1 |',
      '[fd00::a]:80/TCP:  |',
    ]);
  });
  test('uses terminating backends of the family that has no other', () => {
    const gone = backend('fd00:1::1', { state: 'terminating' });
    expect(shown({ frontends, backends: ['10.1.0.1', gone] })).toEqual([
      '172.20.0.10:80/TCP: 10.1.0.1:8080/TCP#1 |',
      '[fd00::a]:80/TCP: [fd00:1::1]:8080/TCP#1 |',
    ]);
  });
});

test('more backends than a count can say are refused', () => {
  const backends = Array.from({ length: 65_536 }, (_, at) => backend(`10.1.${at >> 8}.${at & 255}`));
  const desired = desire({ backends });
  expect(desired.frontends).toEqual([]);
  expect(desired.refused[0]?.reason).toContain('65536 backends');
});

test("a session affinity is every frontend's", () => {
  const both = { frontends: ['172.20.0.10', 'fd00::a'] };
  const timeouts = (options: SampleService) => desire(options).frontends.map(({ affinityTimeout }) => affinityTimeout);
  expect(timeouts({ ...both, clientIPTimeoutSeconds: 60 })).toEqual([60, 60]);
  expect(timeouts(both)).toEqual([0, 0]);
});
