import { expect, test } from 'vitest';
import type { ServiceKey } from '../../mesh/model/names.ts';
import { ObjectTable } from './object-table.ts';
import { type ClusterObject, refOf, refText } from './objects.ts';
import { ServiceSlices } from './service-slices.ts';

const slice = (name: string, service: string | undefined): ClusterObject => ({
  kind: 'EndpointSlice',
  namespace: 'test',
  name,
  service: service === undefined ? undefined : (`test/${service}` as ServiceKey),
  endpoints: [],
  ports: [],
});
const service = (namespace: string, name: string): ClusterObject => ({
  kind: 'Service',
  ...{ namespace, name, labels: {}, annotations: {}, external: false, clusterIPs: [], ports: [], selector: {} },
});
const namespace = (name: string, label: string): ClusterObject => ({
  kind: 'Namespace',
  ...{ name, labels: { label }, annotations: {} },
});

function table() {
  const objects = new ObjectTable();
  const slices = new ServiceSlices(objects);
  /** Makes these the whole content; gives the services and slices touched, and the slices of `test/echo`. */
  const become = (...content: readonly ClusterObject[]) => {
    const refs = objects.replaceAll(new Map(content.map((object) => [refText(refOf(object)), object])));
    const { services, slices: pieces } = slices.touchedBy(refs);
    const touched = [...services, ...pieces.map(({ service, slice }) => `${service} ${slice}`)].sort();
    return { touched, ofEcho: slices.slicesOf('test/echo' as ServiceKey).map(({ name }) => name) };
  };
  return { become };
}

test('a slice touches the service it belongs to, and the one it belonged to before', () => {
  const { become } = table();
  expect(become(slice('b', 'echo'), slice('a', 'echo'))).toEqual({
    touched: ['test/echo a', 'test/echo b'],
    ofEcho: ['a', 'b'],
  });
  expect(become(slice('b', 'other'), slice('a', 'echo'))).toEqual({
    touched: ['test/echo b', 'test/other b'],
    ofEcho: ['a'],
  });
  expect(become(slice('b', 'other'))).toEqual({ touched: ['test/echo a'], ofEcho: [] });
  expect(become(slice('b', undefined))).toEqual({ touched: ['test/other b'], ofEcho: [] });
  expect(become()).toEqual({ touched: [], ofEcho: [] });
});

test('a namespace touches the services in it', () => {
  const { become } = table();
  const services = [service('test', 'echo'), service('test', 'other'), service('more', 'x')];
  become(...services, namespace('test', '1'));
  expect(become(...services, namespace('test', '2')).touched).toEqual(['test/echo', 'test/other']);
  expect(become(...services.slice(1)).touched).toEqual(['test/echo', 'test/other']);
});
