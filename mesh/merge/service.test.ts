import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ClusterId, type ClusterName, type IpAddress, serviceKey } from '../model/names.ts';
import type { Affinity, Backend, BackendState, LocalService, NamedPort, RemoteService } from '../model/service.ts';
import { checkService } from '../snapshot/consistent.ts';
import { Parts } from './parts.ts';
import { mergeService } from './service.ts';

const key = serviceKey('shop', 'cart');
const west = 'west' as ClusterName;
const http = (port: number): NamedPort => ({ name: 'http', protocol: 'TCP', port });

function backend(cluster: string, address: string, state: BackendState = 'active', ports = [http(8080)]): Backend {
  return { address: address as IpAddress, cluster: cluster as ClusterName, clusterId: 1 as ClusterId, state, ports };
}

function local(more: Partial<LocalService> = {}): LocalService {
  return {
    key,
    frontends: ['10.96.0.1' as IpAddress],
    ports: [http(80)],
    global: true,
    shared: true,
    affinity: 'none',
    backends: [],
    labels: {},
    selector: {},
    ...more,
  };
}

function remote(cluster: string, backends: readonly Backend[], more: Partial<RemoteService> = {}): RemoteService {
  return {
    key,
    cluster: cluster as ClusterName,
    clusterId: 2 as ClusterId,
    shared: true,
    fresh: true,
    backends,
    ...more,
  };
}

const addresses = (merged: ReturnType<typeof mergeService>) =>
  merged && Array.from(merged.backends, ({ address }) => String(address));

const L = backend('west', '10.1.0.1');
const L_ENDING = backend('west', '10.1.0.2', 'terminating');
const E = backend('east', '10.2.0.1');
const E_ENDING = backend('east', '10.2.0.2', 'terminating');
const C = backend('central', '10.3.0.1');

describe('which backends are taken', () => {
  const stale = { fresh: false };
  const cases: readonly [string, Affinity, readonly Backend[], readonly RemoteService[], readonly string[]][] = [
    ['none: all', 'none', [L], [remote('east', [E]), remote('central', [C])], ['10.3.0.1', '10.2.0.1', '10.1.0.1']],
    ['none: not shared gives nothing', 'none', [L], [remote('east', [E], { shared: false })], ['10.1.0.1']],
    ['none: stale is not used beside fresh', 'none', [L], [remote('east', [E], stale)], ['10.1.0.1']],
    ['none: stale is used when it is all there is', 'none', [], [remote('east', [E], stale)], ['10.2.0.1']],
    [
      'none: stale is used beside what only terminates',
      'none',
      [L_ENDING],
      [remote('east', [E], stale)],
      ['10.2.0.1', '10.1.0.2'],
    ],
    ['local: local alone', 'local', [L, L_ENDING], [remote('east', [E])], ['10.1.0.1', '10.1.0.2']],
    ['local: remote when none is local', 'local', [], [remote('east', [E])], ['10.2.0.1']],
    ['local: remote beside the local that ends', 'local', [L_ENDING], [remote('east', [E])], ['10.2.0.1', '10.1.0.2']],
    ['local: the local that ends, when it is all there is', 'local', [L_ENDING], [], ['10.1.0.2']],
    ['local: fresh before stale', 'local', [], [remote('east', [E], stale), remote('central', [C])], ['10.3.0.1']],
    ['remote: remote alone', 'remote', [L], [remote('east', [E, E_ENDING])], ['10.2.0.1', '10.2.0.2']],
    ['remote: local when there is no remote', 'remote', [L], [], ['10.1.0.1']],
    [
      'remote: local beside the remote that ends',
      'remote',
      [L],
      [remote('east', [E_ENDING])],
      ['10.2.0.2', '10.1.0.1'],
    ],
    ['remote: local before a stale remote', 'remote', [L], [remote('east', [E], stale)], ['10.1.0.1']],
    ['remote: stale when it is all there is', 'remote', [], [remote('east', [E], stale)], ['10.2.0.1']],
    ['the own cluster is no remote', 'none', [L], [remote('west', [backend('west', '10.9.9.9')])], ['10.1.0.1']],
  ];
  test.each(cases)('%s', (_, affinity, backends, remotes, expected) => {
    expect(addresses(mergeService({ cluster: west, local: local({ affinity, backends }), remotes }))).toEqual(expected);
  });

  test('what is not global, or not there, is not programmed', () => {
    const remotes = [remote('east', [E])];
    expect(mergeService({ cluster: west, local: undefined, remotes })).toBeUndefined();
    expect(mergeService({ cluster: west, local: local({ global: false }), remotes })).toBeUndefined();
  });
});

describe('ports', () => {
  const metrics: NamedPort = { name: 'metrics', protocol: 'TCP', port: 9090 };

  test('match by name, whatever their numbers', () => {
    const both = backend('east', '10.2.0.1', 'active', [http(3000), metrics]);
    const merged = mergeService({ cluster: west, local: local(), remotes: [remote('east', [both])] });
    const [first] = merged?.backends ?? [];
    expect(first?.ports).toEqual([http(3000)]);
  });

  test('a backend without a matching one is left out', () => {
    const other = backend('east', '10.2.0.1', 'active', [metrics]);
    const udp = backend('east', '10.2.0.2', 'active', [{ name: 'http', protocol: 'UDP', port: 8080 }]);
    const merged = mergeService({ cluster: west, local: local(), remotes: [remote('east', [other, udp])] });
    expect(merged?.backends).toEqual([]);
  });
});

describe('for any input', () => {
  const port = fc.record({
    name: fc.constantFrom('http', 'grpc', ''),
    protocol: fc.constantFrom('TCP' as const, 'UDP' as const),
    port: fc.integer({ min: 1, max: 65_535 }),
  });
  const ports = fc.uniqueArray(port, { selector: ({ name }) => name, maxLength: 3 });
  const backendOf = (cluster: string) =>
    fc
      .record({
        host: fc.integer({ min: 1, max: 6 }),
        state: fc.constantFrom<BackendState>('active', 'terminating'),
        ports: fc.uniqueArray(port, { selector: ({ name }) => name, minLength: 1, maxLength: 3 }),
      })
      .map(({ host, state, ports }) => backend(cluster, `10.0.0.${host}`, state, ports));
  const input = fc.record({
    local: fc
      .record({
        affinity: fc.constantFrom<Affinity>('none', 'local', 'remote'),
        ports,
        backends: fc.array(backendOf('west'), { maxLength: 5 }),
      })
      .map(local),
    remotes: fc.array(
      fc
        .constantFrom('east', 'central', 'north')
        .chain((cluster) =>
          fc
            .tuple(fc.array(backendOf(cluster), { maxLength: 5 }), fc.boolean(), fc.boolean())
            .map(([backends, shared, fresh]) => remote(cluster, backends, { shared, fresh })),
        ),
      { maxLength: 6 },
    ),
  });

  test('the order of the remotes and of their backends does not matter', () => {
    fc.assert(
      fc.property(input, fc.infiniteStream(fc.nat()), ({ local, remotes }, choices) => {
        const shuffled = shuffle(remotes, choices).map((one) => ({
          ...one,
          backends: shuffle([...one.backends], choices),
        }));
        const other = { ...local, backends: shuffle([...local.backends], choices) };
        expect(mergeService({ cluster: west, local: other, remotes: shuffled })).toEqual(
          mergeService({ cluster: west, local, remotes }),
        );
      }),
    );
  });

  test('what is remembered of earlier merges changes nothing', () => {
    fc.assert(
      fc.property(
        fc.array(input, { minLength: 2, maxLength: 4 }),
        fc.array(fc.nat(), { maxLength: 8 }),
        (some, picks) => {
          const parts = new Parts();
          const all = some.flatMap(({ remotes }) => remotes);
          for (const [index, { local }] of [...some, ...some].entries()) {
            const remotes = picks.flatMap((pick) => all[(pick + index) % Math.max(all.length, 1)] ?? []);
            expect(mergeService({ cluster: west, local, remotes }, parts)).toEqual(
              mergeService({ cluster: west, local, remotes }),
            );
          }
        },
      ),
    );
  });

  test('the result is consistent, and never empty while something fitting is known', () => {
    fc.assert(
      fc.property(input, ({ local, remotes }) => {
        const merged = mergeService({ cluster: west, local, remotes });
        if (merged === undefined) throw new Error('a global service has a value');
        expect(checkService(merged)).toEqual([]);
        const fitting = [
          ...local.backends,
          ...remotes.filter(({ shared }) => shared).flatMap((r) => [...r.backends]),
        ].filter(({ ports }) =>
          ports.some((p) => local.ports.some((q) => q.name === p.name && q.protocol === p.protocol)),
        );
        if (fitting.length > 0) expect(merged.backends.length).toBeGreaterThan(0);
        if (fitting.some(({ state }) => state === 'active')) {
          expect([...merged.backends].some(({ state }) => state === 'active')).toBe(true);
        }
      }),
    );
  });
});

function shuffle<T>(items: readonly T[], choices: { next(): { value: number } }): T[] {
  return items
    .map((item) => ({ item, place: choices.next().value }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

test('session affinity is what the own cluster says, and absent without', () => {
  const merged = (local: LocalService) => mergeService({ cluster: west, local, remotes: [remote('east', [E])] });
  expect(merged(local({ clientIPTimeoutSeconds: 60 }))?.clientIPTimeoutSeconds).toBe(60);
  expect(merged(local())).not.toHaveProperty('clientIPTimeoutSeconds');
});

test('a service is as old as the own cluster says, whatever peers have of it', () => {
  const created = (local: LocalService, remotes: readonly RemoteService[]) =>
    mergeService({ cluster: west, local, remotes })?.createdSeconds;
  const peers = [remote('east', [E]), remote('central', [C])];
  expect(created(local({ createdSeconds: 1_767_225_600 }), peers)).toBe(1_767_225_600);
  expect(created(local({ createdSeconds: 1_767_225_600 }), [])).toBe(1_767_225_600);
  expect(mergeService({ cluster: west, local: local(), remotes: peers })).not.toHaveProperty('createdSeconds');
});
