import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { inPieces } from '../../mesh/model/list.ts';
import type { ClusterName, ServiceKey } from '../../mesh/model/names.ts';
import type { Backend, BackendState, MeshService } from '../../mesh/model/service.ts';
import { createdOf } from '../../mesh/snapshot/equality.ts';
import type { MapCounts } from './demand.ts';
import { DesiredState } from './desired-state.ts';
import type { DesiredFrontend } from './frontend.ts';
import type { FrontendName, TargetName } from './names.ts';
import { backend, port, service } from './sample.ts';
import { NO_INDEX } from './targets.ts';

const WEST = 'west' as ClusterName;
const sizesOf = (services: number, backends: number, reverseNat: number): MapCounts => ({
  ...{ services, backends, reverseNat },
  ...{ services6: services, backends6: backends, reverseNat6: reverseNat },
});
const ROOMY = sizesOf(1_000, 1_000, 1_000);
const noPause = () => undefined;

async function stateOf(services: readonly MeshService[], sizes = ROOMY): Promise<DesiredState> {
  const state = new DesiredState(sizes);
  for (const each of services) state.set(each.key, each, WEST);
  await state.settle(noPause);
  return state;
}
const programmed = (state: DesiredState) =>
  [...state.frontends()].map(({ entrance, service }) => `${entrance.name} ${service}`).sort();

describe('two services that claim one frontend', () => {
  const twins = ['shop/b', 'shop/a'].map((key) => service({ key, ports: [port(80)] }));

  test('the name that comes first has it, the other is refused', async () => {
    const state = await stateOf(twins);
    expect(programmed(state)).toEqual(['172.20.0.10:80/TCP shop/a']);
    expect(state.refusals()).toEqual([
      {
        service: 'shop/b',
        code: 'AGENT_FRONTEND_TAKEN',
        reason: '172.20.0.10:80/TCP belongs to shop/a, whose name comes first',
      },
    ]);
  });

  test('the other one has it when the first goes', async () => {
    const state = await stateOf(twins);
    state.set('shop/a' as ServiceKey, undefined, WEST);
    const { frontends } = await state.settle(noPause);
    expect(new Set(frontends.map(({ name }) => name))).toEqual(new Set(['172.20.0.10:80/TCP']));
    expect(programmed(state)).toEqual(['172.20.0.10:80/TCP shop/b']);
    expect(state.refusals()).toEqual([]);
  });
});

describe('maps that are too small', () => {
  const far = (key: string, last: number) =>
    service({ key, frontends: [`172.20.0.${last}`], backends: [`10.2.0.${last}`] });
  const near = (key: string, last: number) =>
    service({ key, frontends: [`172.20.0.${last}`], backends: [`10.1.0.${last}`] });

  test('leave out whole services: those without a local backend first, then by name', async () => {
    const services = [far('a/far', 1), far('b/far', 2), near('y/near', 3), near('z/near', 4)];
    const state = await stateOf(services, { ...ROOMY, services: 6 });
    expect(programmed(state).map((line) => line.split(' ')[1])).toEqual(['a/far', 'y/near', 'z/near']);
    expect(state.refusals()).toEqual([
      {
        service: 'b/far',
        code: 'CM-KERN-001',
        reason: 'the services map has 6 entries and all services together need 8; raise datapath.sizes.services',
        room: { map: 'services', wanted: 8, size: 6, setting: 'datapath.sizes.services' },
      },
    ]);
  });

  const aged = (service: MeshService, createdSeconds: number | undefined): MeshService => ({
    ...service,
    ...createdOf({ createdSeconds: createdSeconds ?? 0 }),
  });
  const keysOf = (state: DesiredState) => programmed(state).map((line) => line.split(' ')[1]);

  test('prefer the older, then the names; whose age nobody knows is the youngest', async () => {
    const services = [aged(near('a/unknown', 1), undefined), aged(near('b/new', 2), 300), aged(near('c/old', 3), 100)];
    const backends = (count: number) => ({ ...ROOMY, backends: count });
    expect(keysOf(await stateOf(services, backends(1)))).toEqual(['c/old']);
    expect(keysOf(await stateOf(services, backends(2))).sort()).toEqual(['b/new', 'c/old']);
    expect(keysOf(await stateOf([aged(far('a/far', 1), 1), near('z/near', 2)], backends(1)))).toEqual(['z/near']);
    expect(keysOf(await stateOf([aged(near('a/x', 1), 5), aged(near('b/x', 2), 5)], backends(1)))).toEqual(['a/x']);
  });

  test('give the place of a service to nobody who is younger, and to the one that comes before it', async () => {
    const state = await stateOf([aged(near('m/there', 1), 200)], { ...ROOMY, backends: 1 });
    const arrives = async (service: MeshService) => {
      state.set(service.key, service, WEST);
      await state.settle(noPause);
      return keysOf(state);
    };
    expect(await arrives(aged(near('a/younger', 2), 300))).toEqual(['m/there']);
    expect(await arrives(near('b/unknown', 3))).toEqual(['m/there']);
    expect(await arrives(aged(far('c/far', 4), 1))).toEqual(['m/there']);
    expect(await arrives(aged(near('z/older', 5), 100))).toEqual(['z/older']);
    state.set('z/older' as ServiceKey, undefined, WEST);
    await state.settle(noPause);
    expect(keysOf(state)).toEqual(['m/there']);
  });

  test('leave out the same services in whichever order they came', async () => {
    const one = fc.record({
      local: fc.boolean(),
      size: fc.integer({ min: 1, max: 3 }),
      createdSeconds: fc.option(fc.constantFrom(1, 2, 3), { nil: undefined }),
    });
    const mesh = fc.array(one, { minLength: 1, maxLength: 8 }).map((all) =>
      all.map(({ local, size, createdSeconds }, index) => {
        const backends = Array.from({ length: size }, (_, at) => `10.${local ? 1 : 2}.${index}.${at}`);
        return aged(
          service({ key: `s/${'zyxwvuts'[index]}`, frontends: [`172.20.0.${index}`], backends }),
          createdSeconds,
        );
      }),
    );
    const withOrder = mesh.chain((services) =>
      fc.tuple(fc.constant(services), fc.shuffledSubarray(services, { minLength: services.length })),
    );
    await fc.assert(
      fc.asyncProperty(withOrder, fc.integer({ min: 1, max: 12 }), async ([services, shuffled], backends) => {
        const sizes = { ...ROOMY, backends };
        const whole = await stateOf(services, sizes);
        const oneByOne = new DesiredState(sizes);
        for (const each of shuffled) {
          oneByOne.set(each.key, each, WEST);
          await oneByOne.settle(noPause);
        }
        expect(keysOf(oneByOne).sort()).toEqual(keysOf(whole).sort());
        expect(oneByOne.refusals()).toEqual(whole.refusals());
      }),
    );
  });

  test('take a service in as soon as there is room', async () => {
    const state = await stateOf([near('a/x', 1), near('b/x', 2)], { ...ROOMY, backends: 1 });
    expect(programmed(state)).toEqual(['172.20.0.1:80/TCP a/x']);
    state.set('a/x' as ServiceKey, undefined, WEST);
    await state.settle(noPause);
    expect(programmed(state)).toEqual(['172.20.0.2:80/TCP b/x']);
    expect(state.refusals()).toEqual([]);
  });

  test('count a shared target once', async () => {
    const one = service({ key: 'a/x', backends: ['10.1.0.1'] });
    const other = service({ key: 'b/x', frontends: ['172.20.0.11'], backends: ['10.1.0.1'] });
    const state = await stateOf([one, other], sizesOf(4, 1, 2));
    expect(state.refusals()).toEqual([]);
  });
});

test('what is kept up to date is what comes out from scratch', async () => {
  const key = fc.constantFrom('a/a', 'a/b', 'b/a', 'c/c');
  const addresses = ['10.1.0.1', '10.1.0.2', '10.2.0.1', '10.2.0.2', '10.3.0.1', 'fd00:1::1', 'fd00:2::1'];
  const address = fc.constantFrom(...addresses);
  const state = fc.constantFrom<BackendState>('active', 'active', 'terminating');
  // As in snapshots, what did not change is the same object.
  const made = new Map<string, Backend>();
  const shared = (text: string, state: BackendState): Backend => {
    const known = made.get(text + state) ?? backend(text, { state });
    made.set(text + state, known);
    return known;
  };
  const backends = fc
    .uniqueArray(fc.tuple(address, state), { selector: ([text]) => text, maxLength: 5 })
    .map((all) => all.map(([text, state]) => shared(text, state)));
  const frontends = fc.uniqueArray(fc.constantFrom('172.20.0.1', '172.20.0.2', '172.20.0.3', 'fd00::1', 'fd00::2'), {
    maxLength: 2,
  });
  const createdSeconds = fc.constantFrom(0, 1, 2);
  const change = fc.record({ key, frontends, backends, createdSeconds, present: fc.boolean() });
  const size = fc.integer({ min: 1, max: 12 });
  const sizes = fc.tuple(size, size, size).map((all) => sizesOf(...all));
  const steps = fc.array(fc.array(change, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(steps, fc.oneof(fc.constant(ROOMY), sizes), async (steps, sizes) => {
      const kept = new DesiredState(sizes);
      const services = new Map<ServiceKey, MeshService>();
      for (const changes of steps) {
        const before = summary(kept);
        for (const { key, frontends, backends, createdSeconds, present } of changes) {
          const value = present ? service({ key, frontends, backends, createdSeconds }) : undefined;
          if (value === undefined) services.delete(key as ServiceKey);
          else services.set(value.key, value);
          kept.set(key as ServiceKey, value, WEST);
        }
        const changed = await kept.settle(noPause);
        const after = summary(kept);
        const scratch = await stateOf([...services.values()], sizes);
        expect(after).toEqual(summary(scratch));
        expect(kept.refusals()).toEqual(scratch.refusals());
        expect(kept.counts).toEqual(scratch.counts);
        for (const each of addresses) expect(isHeld(kept, backend(each))).toBe(isHeld(scratch, backend(each)));
        // Everything that differs was named.
        const places = new Set(changed.frontends.map(({ name }) => name));
        for (const name of differing(before.frontends, after.frontends)) expect(places.has(name)).toBe(true);
        const named = new Set(changed.targets.map(({ name }) => name));
        for (const name of differing(before.targets, after.targets)) {
          if (before.targets.has(name)) expect(named.has(name)).toBe(true);
        }
      }
    }),
    { numRuns: 300 },
  );
});

test('targets are let go of when no service wants them, however many it had', async () => {
  const many = Array.from({ length: 200 }, (_, at) =>
    backend(`10.1.0.${at}`, { state: at < 5 ? 'terminating' : 'active' }),
  );
  const state = new DesiredState(ROOMY);
  const both = { frontends: ['172.20.0.1', '172.20.0.2'], ports: [port(80), port(81)] };
  for (const backends of [many.slice(0, 3), many, many.slice(100), many.slice(100, 103), []]) {
    const plain = service({ ...both, backends });
    const each = { ...plain, backends: inPieces([...plain.backends]) };
    state.set(each.key, each, WEST);
    await state.settle(noPause);
    expect(many.filter((one) => isHeld(state, one))).toEqual(backends);
  }
});

const isHeld = ({ table }: DesiredState, { address, clusterId }: Backend): boolean =>
  table.onlooker.at(address, 8080, 'TCP', clusterId).index !== NO_INDEX;

const summary = (state: DesiredState) => ({
  frontends: new Map<FrontendName, string>(
    [...state.frontends()].map((frontend) => [
      frontend.entrance.name,
      JSON.stringify([state.serviceOf(frontend.entrance), shown(frontend)]),
    ]),
  ),
  targets: new Map<TargetName, string>(
    [...state.targets()].map((target) => [target.name, state.targetState(target) ?? '']),
  ),
});

const shown = ({ entrance, ...frontend }: DesiredFrontend) => ({
  ...frontend,
  name: entrance.name,
  backends: Array.from(frontend.backends, ({ name }) => name),
});

function differing<K, V>(a: ReadonlyMap<K, V>, b: ReadonlyMap<K, V>): readonly K[] {
  return [...new Set([...a.keys(), ...b.keys()])].filter((key) => a.get(key) !== b.get(key));
}
