import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ClusterName } from '../../mesh/model/names.ts';
import type { Backend, BackendState, MeshService, NamedPort } from '../../mesh/model/service.ts';
import { EntranceTable } from './entrances.ts';
import type { DesiredService } from './frontend.ts';
import { backend, port, service } from './sample.ts';
import { desireService } from './service.ts';
import { TargetTable } from './targets.ts';

const WEST = 'west' as ClusterName;
const shown = ({ key, local, frontends, refused }: DesiredService) => ({ key, local, frontends, refused });

test('what is made from an earlier state is what is made from nothing', () => {
  const ports = fc.subarray<NamedPort>([port(80, 'a'), port(81, 'b'), port(80, 'b'), port(53, 'd', 'UDP')]);
  const behind = fc.subarray<NamedPort>([port(80, 'a'), port(80, 'b'), port(90, 'b'), port(53, 'd', 'UDP')]);
  const address = fc.constantFrom(...[1, 2, 3, 4, 5].flatMap((last) => [`10.${last}.0.1`, `fd00:${last}::1`]));
  const state = fc.constantFrom<BackendState>('active', 'active', 'terminating');
  // As in snapshots, what did not change is the same object; a change is another object with the same address.
  const backends = fc.uniqueArray(
    fc.tuple(address, state, behind).map(([text, state, ports]) => backend(text, { state, ports })),
    { selector: (each) => each.address, maxLength: 10 },
  );
  // Beside single ones, clusters come and go with all that they have.
  const cluster = fc.option(fc.integer({ min: 10, max: 14 }), { nil: undefined });
  const clusterOf = (number: number): readonly Backend[] =>
    Array.from({ length: 15 }, (_, last) => backend(`10.${number}.0.${last}`, { ports: [port(80, 'a')] }));
  const frontends = fc.subarray(['172.20.0.1', '172.20.0.2', 'fd00::1'], { minLength: 1 });
  const step = fc.record({
    backends,
    stays: fc.array(fc.boolean(), { minLength: 10, maxLength: 10 }),
    cluster,
    frontends,
    ports,
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 2, maxLength: 8 }), fc.boolean(), (steps, samePorts) => {
      const tables = { targets: new TargetTable(), entrances: new EntranceTable() };
      let source: MeshService | undefined;
      let kept: DesiredService | undefined;
      for (const { backends, stays, cluster, frontends, ports } of steps) {
        const inCluster = ({ address }: Backend) => cluster !== undefined && address.startsWith(`10.${cluster}.`);
        const before = source?.backends ?? [];
        const stayed = before.filter((each, at) => stays[at] !== false && !inCluster(each));
        if (cluster !== undefined && !before.some(inCluster)) stayed.push(...clusterOf(cluster));
        const there = new Set(stayed.map(({ address }) => address));
        source = service({
          frontends,
          ports: samePorts ? [port(80, 'a'), port(80, 'b')] : ports,
          backends: [...stayed, ...backends.filter(({ address }) => !there.has(address))],
        });
        kept = desireService(source, WEST, tables, kept);
        expect(shown(kept)).toEqual(shown(desireService(source, WEST, tables)));
      }
    }),
    { numRuns: 500 },
  );
});

test('of 5,000 backends only the one that changed, and those next to it, are looked at', () => {
  const looked = new Set<number>();
  const all = service({
    backends: Array.from({ length: 5_000 }, (_, at) => backend(`10.1.${at >> 8}.${at & 255}`)),
  }).backends.map((each, at) => watched(each, () => looked.add(at)));
  const tables = { targets: new TargetTable(), entrances: new EntranceTable() };
  const before = desireService(service({ backends: [...all] }), WEST, tables);
  looked.clear();
  const backends = [...all];
  backends[2_500] = backend('10.1.9.196', { state: 'terminating' });
  const after = desireService({ ...service({ backends: [] }), backends }, WEST, tables, before);
  expect(looked.size).toBeLessThanOrEqual(4);
  expect(after.frontends[0]).toMatchObject({ count: 4_999 });
});

function watched(each: Backend, look: () => void): Backend {
  return new Proxy(each, {
    get(target, name, receiver) {
      look();
      return Reflect.get(target, name, receiver);
    },
  });
}
