// The pieces of a service and its whole value say the same, whatever happens to the objects behind them in whatever order; and what
// one endpoint of a large service costs in keys.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type ClusterId,
  type ClusterName,
  type IpAddress,
  type ServiceKey,
  serviceKey,
} from '../../mesh/model/names.ts';
import type { Result } from '../../mesh/model/result.ts';
import { clusterServiceKey, clusterServiceKind } from '../../mesh/wire/cluster-service.ts';
import { encodeLocalService, localServiceKey } from '../../mesh/wire/local-service.ts';
import { localPiecesCanary } from '../../mesh/wire/local-slice.ts';
import { serviceHeadKey, serviceHeadKind } from '../../mesh/wire/service-head.ts';
import { composeService } from '../../mesh/wire/service-pieces.ts';
import { serviceSliceKind } from '../../mesh/wire/service-slice.ts';
import { KEY_LAYOUTS, stateKey } from '../../mesh/wire/state-keys.ts';
import { ObjectTable } from '../sources/object-table.ts';
import {
  type ClusterObject,
  type EndpointSliceObject,
  refOf,
  refText,
  type ServiceObject,
  type SliceEndpoint,
} from '../sources/objects.ts';
import { ViewInputs } from '../view/inputs.ts';
import { clusterService } from './convert/peer-service.ts';
import { localService } from './convert/service.ts';
import { Projection, type Unit } from './projection.ts';
import type { ClusterSettings } from './settings.ts';

const WEST = 'west' as ClusterName;
const CONTEXT = { cluster: WEST, clusterId: 3 as ClusterId, maxConnectedClusters: 255 } as const;
const SETTINGS = { name: WEST, id: 3, maxConnectedClusters: 255, defaultGlobalNamespace: true } as ClusterSettings;
const SERVICES = ['test/one', 'test/two'] as const;

const serviceObject = (key: string, shared: boolean): ClusterObject => ({
  ...{ kind: 'Service', namespace: 'test', name: key.slice('test/'.length), labels: {}, selector: {} },
  annotations: { 'service.cilium.io/global': 'true', 'service.cilium.io/shared': String(shared) },
  ...{ external: false, clusterIPs: ['10.96.0.1' as IpAddress], ports: [{ name: 'http', protocol: 'TCP', port: 80 }] },
});

const endpointOf = (address: string, change: Partial<SliceEndpoint> = {}): SliceEndpoint => ({
  ...{ addresses: [address as IpAddress], ready: true, serving: true, terminating: false },
  ...{ hostname: undefined, zone: undefined, zoneHints: [], ...change },
});

const sliceObject = (name: string, service: string, endpoints: readonly SliceEndpoint[], port = 80) =>
  ({
    ...{ kind: 'EndpointSlice', namespace: 'test', name, service: service as ServiceKey, endpoints },
    ports: [{ name: port === 53 ? 'dns' : 'http', protocol: 'TCP', port }],
  }) satisfies EndpointSliceObject;

const endpoint = fc
  .record({
    address: fc.constantFrom('10.3.0.1', '10.3.0.2', '10.3.0.3', '10.3.0.20', '10.3.0.9', 'fd00::1', 'fd00::2'),
    state: fc.constantFrom<Partial<SliceEndpoint>>(
      {},
      { ready: false, serving: true, terminating: true },
      { ready: false, serving: false },
    ),
    said: fc.constantFrom<Partial<SliceEndpoint>>(
      {},
      { hostname: 'a', zone: 'z1' },
      { hostname: 'b', zoneHints: ['z2'] },
    ),
  })
  .map(({ address, state, said }) => endpointOf(address, { ...state, ...said }));

/** Objects by what they are called, present or gone. */
const change: fc.Arbitrary<readonly [string, ClusterObject | undefined]> = fc.oneof(
  fc
    .tuple(fc.constantFrom(...SERVICES), fc.constantFrom(true, true, false, undefined))
    .map(([key, shared]) => [key, shared === undefined ? undefined : serviceObject(key, shared)] as const),
  fc
    .tuple(
      ...([
        fc.constantFrom('a', 'b', 'c'),
        fc.constantFrom(...SERVICES),
        fc.array(endpoint, { maxLength: 3 }),
      ] as const),
      ...([fc.constantFrom(80, 8080, 53), fc.boolean()] as const),
    )
    .map(
      ([name, service, endpoints, port, gone]) =>
        [
          ...([
            name,
            gone && endpoints.length === 0 ? undefined : sliceObject(name, service, endpoints, port),
          ] as const),
        ] as const,
    ),
);

function published() {
  const objects = new ObjectTable();
  const content = new Map<string, Uint8Array>();
  const mentioned: string[] = [];
  let writesWholes = true;
  const projection = new Projection({
    objects,
    cluster: SETTINGS,
    identities: { numbers: new Map(), allocate: async () => new Set() },
    set: (key, value) => {
      mentioned.push(key);
      if (value === undefined) content.delete(key);
      else content.set(key, value);
    },
    pace: { mayWrite: () => writesWholes },
  });
  const project = (units: Iterable<Unit>) => projection.project([...units], new AbortController().signal);
  /** Makes these the whole content. Gives the keys that were looked at. Whole values may have to wait for a later time. */
  const become = async (all: Iterable<ClusterObject>, wholes = true): Promise<readonly string[]> => {
    const refs = objects.replaceAll(new Map([...all].map((object) => [refText(refOf(object)), object])));
    mentioned.length = 0;
    const hadToWait = wholes && !writesWholes;
    writesWholes = wholes;
    await project(projection.touchedBy(refs));
    if (hadToWait) await project(SERVICES.map((service): Unit => `whole ${service}`));
    return [...mentioned].sort();
  };
  const under = (prefix: string) => [...content].filter(([key]) => key.startsWith(prefix));
  return { become, content, under };
}

/** What the own cluster's view makes of it, of the pieces or of the whole values. */
function viewOf(content: ReadonlyMap<string, Uint8Array>, inPieces: boolean): ViewInputs {
  const inputs = new ViewInputs({ name: WEST, id: 3 as ClusterId });
  if (inPieces) inputs.apply(localPiecesCanary(WEST), new Uint8Array());
  for (const [key, value] of content) expect(inputs.apply(key, value)).toMatchObject({ ok: true });
  return inputs;
}

const textOf = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString();

/** Of the objects alone, all of them. */
function wholesAnew(key: ServiceKey, all: Iterable<ClusterObject>) {
  const objects = [...all];
  const service = objects.find(
    (object): object is ServiceObject => object.kind === 'Service' && serviceKey(object.namespace, object.name) === key,
  );
  const slices = objects
    .filter((object): object is EndpointSliceObject => object.kind === 'EndpointSlice' && object.service === key)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const local = service && localService(service, SETTINGS, slices);
  const forPeers = local && clusterService(local, SETTINGS, slices);
  return { forView: local && encodeLocalService(local), forPeers: forPeers && clusterServiceKind.encode(forPeers) };
}

const must = <T>(result: Result<T, string>): T => {
  if (!result.ok) throw new Error(result.error);
  return result.value;
};

/** `isWritten`: the values with all backends are written too. */
const round = fc.record({
  changes: fc.array(change, { minLength: 1, maxLength: 3 }),
  isWritten: fc.oneof({ weight: 3, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
});

test('head and slices say what the whole value says, after every change', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(round, { maxLength: 12 }), async (rounds) => {
      const { become, content, under } = published();
      const present = new Map<string, ClusterObject>();
      for (const { changes, isWritten } of rounds) {
        for (const [name, object] of changes) {
          if (object === undefined) present.delete(name);
          else present.set(name, object);
        }
        await become(present.values(), isWritten);
        if (!isWritten) continue;
        const [pieces, wholes] = [viewOf(content, true), viewOf(content, false)];
        for (const service of SERVICES as readonly string[] as readonly ServiceKey[]) {
          expect(pieces.step(service, undefined)?.service).toEqual(wholes.step(service, undefined)?.service);
          const whole = content.get(clusterServiceKey(WEST, service));
          const head = content.get(serviceHeadKey(WEST, service));
          const slices = under(stateKey(KEY_LAYOUTS.slices, WEST, `${service}/`)).map(([key, value]) => {
            const slice = must(serviceSliceKind.decode(value));
            expect(serviceSliceKind.validate(slice, { ...CONTEXT, key })).toEqual([]);
            expect(Object.keys(slice.backends)).not.toEqual([]);
            return slice;
          });
          const anew = wholesAnew(service, present.values());
          expect(textOf(whole)).toBe(textOf(anew.forPeers));
          expect(textOf(content.get(localServiceKey(service)))).toBe(textOf(anew.forView));
          if (whole === undefined || head === undefined) {
            expect({ whole, head, slices }).toEqual({ slices: [] });
            continue;
          }
          const composed = composeService(must(serviceHeadKind.decode(head)), slices);
          expect(Buffer.from(clusterServiceKind.encode(composed)).toString()).toBe(Buffer.from(whole).toString());
        }
      }
    }),
  );
});

test('one endpoint touches the key of its slice, and of the other slices none', async () => {
  const { become, content } = published();
  const slices = (changed?: SliceEndpoint) =>
    Array.from({ length: 50 }, (_, at) =>
      sliceObject(`one-${at}`, 'test/one', [
        endpointOf(`10.3.${at}.1`, { zone: 'z' }),
        ...(at === 7 && changed !== undefined ? [changed] : []),
      ]),
    );
  const of = (keys: readonly string[]) => keys.filter((key) => !/\/services\//.test(key));
  await become([serviceObject('test/one', true), ...slices()]);
  expect([...content.keys()].filter((key) => key.startsWith('clustermesh/v1/slices/'))).toHaveLength(50);
  // Slices first, so that no head ever stands without them.
  const order = [...content.keys()].map((key) => key.replace(/^clustermesh\/v1\//, ''));
  for (const [head, root] of [
    ['local/heads/test/one', 'local/slices/'],
    ['heads/west/test/one', 'slices/west/'],
  ] as const) {
    expect(order.findLastIndex((key) => key.startsWith(root))).toBeLessThan(order.indexOf(head));
  }
  const touched = await become([serviceObject('test/one', true), ...slices(endpointOf('10.3.7.2'))]);
  expect(of(touched)).toEqual([
    'clustermesh/v1/local/slices/test/one/one-7',
    'clustermesh/v1/slices/west/test/one/one-7',
  ]);
});
