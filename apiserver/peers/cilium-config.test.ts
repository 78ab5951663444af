import { expect, test } from 'vitest';
import { isCiliumConfigName, isCiliumConfigText, parseCiliumConfig } from './cilium-config.ts';

const DIRECTORY = '/var/lib/cilium/clustermesh';
const WRITTEN = `endpoints:
- https://east.mesh.cilium.io:2379
trusted-ca-file: '${DIRECTORY}/east.etcd-client-ca.crt'
key-file: '${DIRECTORY}/east.etcd-client.key'
cert-file: '${DIRECTORY}/east.etcd-client.crt'
`;

test("a file of Cilium's config directory is a peer, by its name", () => {
  expect(parseCiliumConfig(`${DIRECTORY}/east`, WRITTEN)).toEqual({
    ok: true,
    value: {
      name: 'east',
      endpoints: ['https://east.mesh.cilium.io:2379'],
      ca: [`${DIRECTORY}/east.etcd-client-ca.crt`],
      serverName: 'east.mesh.cilium.io',
      client: { cert: `${DIRECTORY}/east.etcd-client.crt`, key: `${DIRECTORY}/east.etcd-client.key` },
    },
  });
});

test('a name with aliases is dialled at their addresses, and expected as the name', () => {
  const aliases = `cilium-host-aliases:\n- hostname: east.mesh.cilium.io\n  ips: [10.0.0.1, "fd00::1"]\n`;
  expect(parseCiliumConfig(`${DIRECTORY}/east`, WRITTEN + aliases)).toMatchObject({
    ok: true,
    value: { endpoints: ['https://10.0.0.1:2379', 'https://[fd00::1]:2379'], serverName: 'east.mesh.cilium.io' },
  });
});

test('an address is dialled, and the name of the door expected', () => {
  const text = WRITTEN.replace('east.mesh.cilium.io', '10.0.0.1');
  expect(parseCiliumConfig(`${DIRECTORY}/east`, text)).toMatchObject({
    ok: true,
    value: { serverName: 'east.mesh.cilium.io' },
  });
});

test.each([
  ['no authority', WRITTEN.replace('trusted-ca-file', 'other'), /trusted-ca-file/],
  ['a certificate without its key', WRITTEN.replace('key-file', 'other'), /belong together/],
  ['an endpoint without TLS', WRITTEN.replace('https:', 'http:'), /endpoints/],
])('%s is refused with the reason', (_, text, reason) => {
  const spec = parseCiliumConfig(`${DIRECTORY}/east`, text);
  expect(spec.ok ? '' : spec.error).toMatch(reason);
});

test('certificates and other files of the directory are no peers', () => {
  for (const name of ['east.etcd-client.crt', 'common-etcd-client.key', 'East', '..data']) {
    expect(isCiliumConfigName(name)).toBe(false);
  }
  expect(isCiliumConfigText('nothing: here\n')).toBe(false);
  expect(isCiliumConfigText(WRITTEN)).toBe(true);
});
