import fc from 'fast-check';
import { expect, test } from 'vitest';
import { inPieces, PIECE_ITEMS_MAX } from '../../mesh/model/list.ts';
import type { ClusterName, Revision } from '../../mesh/model/names.ts';
import type { Backend, BackendState, MeshService, NamedPort } from '../../mesh/model/service.ts';
import { applyDelta, diffSnapshots } from '../../mesh/snapshot/delta.ts';
import { ServiceMap } from '../../mesh/snapshot/service-map.ts';
import type { MeshSnapshot } from '../../mesh/snapshot/snapshot.ts';
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
    Array.from({ length: 90 }, (_, last) => backend(`10.${number}.0.${last}`, { ports: [port(80, 'a')] }));
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
        const before = [...(source?.backends ?? [])];
        const stayed = before.filter((each, at) => stays[at] !== false && !inCluster(each));
        if (cluster !== undefined && !before.some(inCluster)) stayed.push(...clusterOf(cluster));
        const there = new Set(stayed.map(({ address }) => address));
        const wanted = service({
          frontends,
          ports: samePorts ? [port(80, 'a'), port(80, 'b')] : ports,
          backends: [...stayed, ...backends.filter(({ address }) => !there.has(address))],
        });
        source = stepped(source, wanted);
        kept = desireService(source, WEST, tables, kept);
        expect(shown(kept)).toEqual(shown(desireService(source, WEST, tables)));
      }
    }),
    { numRuns: 500 },
  );
});

test('of 5,000 backends only those in the piece of the one that changed are looked at', () => {
  const looked = new Set<Backend>();
  const large = service({
    backends: Array.from({ length: 5_000 }, (_, at) => {
      const each = backend(`10.1.${at >> 8}.${at & 255}`);
      return watched(each, () => looked.add(each));
    }),
  });
  const source = { ...large, backends: inPieces([...large.backends]) };
  const tables = { targets: new TargetTable(), entrances: new EntranceTable() };
  const before = desireService(source, WEST, tables);
  const changed = stepped(source, {
    ...source,
    backends: [...source.backends].map((each) =>
      each.address === '10.1.9.196' ? backend(each.address, { state: 'terminating' }) : each,
    ),
  });
  looked.clear();
  const after = desireService(changed, WEST, tables, before);
  // And the first of some others, to see whether the own cluster has any.
  expect(looked.size).toBeLessThanOrEqual(PIECE_ITEMS_MAX + Math.ceil(Math.log2(5_000)));
  expect(after.frontends[0]).toMatchObject({ count: 4_999 });
});

/** What an agent holds that was told of the change. */
function stepped(before: MeshService | undefined, after: MeshService): MeshService {
  const [from, to] = [snapshot(before === undefined ? [] : [before]), snapshot([after])];
  const next = applyDelta(from, diffSnapshots(from, to));
  if (!next.ok) throw new Error(next.error);
  return next.value.services.get(after.key) ?? after;
}

const snapshot = (services: readonly MeshService[]): MeshSnapshot => ({
  position: { storeId: '00000000000000aa', revision: 1 as Revision },
  cluster: WEST,
  clusters: new Map(),
  services: ServiceMap.of(services),
});

function watched(each: Backend, look: () => void): Backend {
  return new Proxy(each, {
    get(target, name, receiver) {
      look();
      return Reflect.get(target, name, receiver);
    },
  });
}
