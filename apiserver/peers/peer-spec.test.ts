import { expect, test } from 'vitest';
import { parsePeerSpec } from './peer-spec.ts';

const GOOD = 'name: east\nendpoints: ["https://10.0.0.1:2379"]\nca: east/ca.pem\n';

test('paths are relative to the document, and the server name follows from the name', () => {
  expect(parsePeerSpec('/etc/peers/east.yaml', GOOD)).toEqual({
    ok: true,
    value: {
      name: 'east',
      endpoints: ['https://10.0.0.1:2379'],
      ca: ['/etc/peers/east/ca.pem'],
      serverName: 'east.mesh.cilium.io',
    },
  });
});

test.each([
  ['no endpoints', 'name: east\nendpoints: []\nca: a.pem\n', /endpoints/],
  ['an endpoint without TLS', 'name: east\nendpoints: ["http://a:1"]\nca: a.pem\n', /endpoints/],
  ['no trust store', 'name: east\nendpoints: ["https://a:1"]\n', /ca/],
  ['a name that is none', GOOD.replace('east', 'East_1'), /name/],
  ['broken YAML', 'name: [east\n', /./],
  ['aliases', 'a: &a east\nname: *a\nendpoints: ["https://a:1"]\nca: a.pem\n', /alias/i],
])('%s is refused with the reason', (_, text, reason) => {
  const spec = parsePeerSpec('/etc/peers/east.yaml', text);
  expect(spec.ok ? '' : spec.error).toMatch(reason);
});
