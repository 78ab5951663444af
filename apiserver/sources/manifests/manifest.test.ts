// What a manifest's text gives: objects as the mesh reads them, and every mistake with its place.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { IpAddress, ServiceKey } from '../../../mesh/model/names.ts';
import { readManifest } from './manifest.ts';

const read = async (text: string) => (await readManifest(text, new Map())).manifest;
const objectsOf = async (text: string) => (await read(text)).objects.map(({ object }) => object);

/** `line:column severity code object field: reason (hint)` */
async function complaints(text: string): Promise<string[]> {
  return (await read(text)).problems.map(
    ({ line, column, severity, code, object, field, reason, hint }) =>
      `${line}:${column} ${severity} ${code} ${object ?? '-'} ${field || '-'}: ${reason}${hint === undefined ? '' : ` (${hint})`}`,
  );
}

const SERVICE = `apiVersion: v1
kind: Service
metadata:
  name: echo
  namespace: test
  labels: {team: a}
  annotations:
    service.cilium.io/global: "true"
    service.cilium.io/affinity: Local
spec:
  clusterIP: 10.96.0.10
  selector: {app: echo}
  ports:
  - {name: http, port: 80, targetPort: 8080}
  - {name: dns, port: 53, protocol: UDP}
`;
const SLICE = `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: echo-1
  namespace: test
  labels: {kubernetes.io/service-name: echo}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints:
- addresses: [10.244.1.10]
  conditions: {ready: true}
- addresses: [10.244.1.11]
  conditions: {ready: false, serving: true, terminating: true}
`;

describe('objects', () => {
  test('a service', async () => {
    expect(await objectsOf(SERVICE)).toEqual([
      {
        kind: 'Service',
        namespace: 'test',
        name: 'echo',
        labels: { team: 'a' },
        annotations: { 'service.cilium.io/affinity': 'Local', 'service.cilium.io/global': 'true' },
        external: false,
        clusterIPs: ['10.96.0.10'],
        selector: { app: 'echo' },
        ports: [
          { name: 'dns', protocol: 'UDP', port: 53 },
          { name: 'http', protocol: 'TCP', port: 80 },
        ],
      },
    ]);
    expect(await complaints(SERVICE)).toEqual([]);
  });

  test.each([
    ['sessionAffinity: None', undefined],
    ['sessionAffinity: None, sessionAffinityConfig: {clientIP: {timeoutSeconds: 60}}', undefined],
    ['sessionAffinity: ClientIP', 10_800],
    ['sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: 1}}', 1],
  ])('a service with %s', async (affinity, seconds) => {
    const text = `apiVersion: v1\nkind: Service\nmetadata: {name: echo}\nspec: {clusterIP: 10.96.0.10, ${affinity}}\n`;
    expect(await complaints(text)).toEqual([]);
    const [echo] = await objectsOf(text);
    expect(echo?.kind === 'Service' && echo.clientIPTimeoutSeconds).toBe(seconds);
  });

  test("what of a service only matters beside other clusters', without Kubernetes' defaults", async () => {
    const text = `apiVersion: v1
kind: Service
metadata: {name: echo, creationTimestamp: "2026-01-01T00:00:00Z"}
spec:
  clusterIP: 10.96.0.10
  internalTrafficPolicy: Local
  trafficDistribution: PreferSameNode
  ipFamilies: [IPv4]
  ports: [{port: 80, appProtocol: https}]
`;
    expect(await complaints(text)).toEqual([]);
    expect(await objectsOf(text)).toMatchObject([
      {
        ...{ createdAt: Date.UTC(2026, 0, 1), internalTrafficPolicy: 'Local', trafficDistribution: 'PreferSameNode' },
        ...{ ipFamilies: ['IPv4'], appProtocols: { '': 'https' } },
      },
    ]);
    const [plain] = await objectsOf(SERVICE.replace('  selector:', '  internalTrafficPolicy: Cluster\n  selector:'));
    expect(plain).toEqual((await objectsOf(SERVICE))[0]);
  });

  test('an endpoint slice, with the conditions that are unset', async () => {
    expect(await objectsOf(SLICE)).toMatchObject([
      {
        kind: 'EndpointSlice',
        service: 'test/echo' as ServiceKey,
        ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
        endpoints: [
          { addresses: ['10.244.1.10' as IpAddress], ready: true, serving: true, terminating: false },
          { addresses: ['10.244.1.11' as IpAddress], ready: false, serving: true, terminating: true },
        ],
      },
    ]);
  });

  test('a node and a pod', async () => {
    const text = `{"apiVersion":"v1","kind":"List","items":[
\t{"apiVersion":"v1","kind":"Node","metadata":{"name":"n1","labels":{"zone":"a"}},"spec":{"podCIDR":"10.244.0.0/24"},
\t "status":{"addresses":[{"type":"InternalIP","address":"172.18.0.2"},{"type":"Hostname","address":"n1"}]}},
\t{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"test","labels":{"app":"echo"}},
\t "spec":{"nodeName":"n1","containers":[{"ports":[{"name":"http","containerPort":8080},{"containerPort":9090}]}]},
\t "status":{"podIP":"10.244.0.7","podIPs":[{"ip":"10.244.0.7"},{"ip":"FD00::7"}],"hostIP":"172.18.0.2","phase":"Running"}}]}`;
    expect(await complaints(text)).toEqual([]);
    expect(await objectsOf(text)).toMatchObject([
      {
        kind: 'Node',
        addresses: [{ type: 'InternalIP', address: '172.18.0.2' }],
        podCIDRs: [{ text: '10.244.0.0/24' }],
      },
      {
        kind: 'Pod',
        serviceAccount: 'default',
        addresses: ['10.244.0.7', 'fd00::7'],
        hostAddress: '172.18.0.2',
        ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
        finished: false,
      },
    ]);
  });

  test('kinds of others are passed over, kinds of the same name in another group too', async () => {
    const text = `apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: x}\n---\napiVersion: apps/v1\nkind: Deployment\n`;
    const { objects, problems, ignored } = await read(text);
    expect({ objects, problems, ignored: [...ignored] }).toEqual({
      objects: [],
      problems: [],
      ignored: ['serving.knative.dev/v1 Service', 'apps/v1 Deployment'],
    });
  });

  test('anchors, aliases and merged maps are read as kubectl does', async () => {
    const text = `apiVersion: v1
kind: Service
metadata: {name: &name echo, labels: &labels {app: a}}
spec: {clusterIP: None, selector: {<<: *labels, tier: *name, 1: "x"}}
`;
    expect(await complaints(text)).toEqual([]);
    expect(await objectsOf(text)).toMatchObject([{ clusterIPs: [], selector: { app: 'a', tier: 'echo', 1: 'x' } }]);
  });

  test('empty documents and comments say nothing', async () => {
    expect(await read('# nothing\n---\n---\n# more\n')).toEqual({ objects: [], problems: [], ignored: new Set() });
  });
});

describe('mistakes have their place, and do not hide each other', () => {
  test.each<[string, string, string[]]>([
    [
      'syntax, with the documents around it intact',
      `${SLICE}---\nkind: Service\n  name: x\n---\n${SERVICE}`,
      ['15:7 error SOURCE_SYNTAX - -: Nested mappings are not allowed in compact mappings'],
    ],
    [
      'wrong types and addresses',
      `apiVersion: v1
kind: Service
metadata: {name: echo, namespace: test, labels: {version: 1}}
spec:
  clusterIP: 10.96.0.300
  ports:
  - {name: a, port: "80"}
  - {name: a, port: 70000, protocol: ICMP}
`,
      [
        '3:59 error SOURCE_FIELD Service test/echo metadata.labels.version: is a number and must be a text (put it in quotes: "1")',
        '5:14 error SOURCE_FIELD Service test/echo spec.clusterIP: "10.96.0.300" is not an IP address: an octet is larger than 255',
        '7:21 error SOURCE_FIELD Service test/echo spec.ports[0].port: is a text and must be a number',
        '8:12 error SOURCE_FIELD Service test/echo spec.ports[1].name: "a" is twice in the list',
        '8:38 error SOURCE_FIELD Service test/echo spec.ports[1].protocol: "ICMP" is not TCP, UDP or SCTP',
        '8:21 error SOURCE_FIELD Service test/echo spec.ports[1].port: 70000 is not a port number (use a whole number from 1 to 65535)',
      ],
    ],
    [
      'missing names',
      `apiVersion: v1\nkind: Pod\nmetadata:\n  namespace: Test\n`,
      [
        '4:3 error SOURCE_FIELD Pod Test/ metadata.name: is missing',
        '4:14 error SOURCE_FIELD Pod Test/ metadata.namespace: "Test" is not a namespace: lower-case letters, digits and "-"',
      ],
    ],
    [
      'annotations that nobody understands',
      SERVICE.replace('Local', 'Near').replace('"true"', '"yes"'),
      [
        '8:31 warning SOURCE_ANNOTATION Service test/echo metadata.annotations["service.cilium.io/global"]: "yes" is neither true nor false: taken as false',
        '9:33 warning SOURCE_ANNOTATION Service test/echo metadata.annotations["service.cilium.io/affinity"]: "Near" is not local, remote or none: taken as none',
      ],
    ],
    [
      'an address of the other family',
      SLICE.replace('10.244.1.11', 'fd00::1'),
      [
        "12:15 error SOURCE_FIELD EndpointSlice test/echo-1 endpoints[1].addresses[0]: fd00::1 is not an IPv4 address, as the slice's addressType says",
      ],
    ],
    [
      'an address that means another host wherever it is used',
      SLICE.replace('10.244.1.11', '169.254.169.254'),
      [
        '12:15 error SOURCE_FIELD EndpointSlice test/echo-1 endpoints[1].addresses[0]: 169.254.169.254 is an address that every host has itself (name an address that other nodes can reach)',
      ],
    ],
    [
      'a service without an address',
      `apiVersion: v1\nkind: Service\nmetadata: {name: echo}\nspec: {ports: [{port: 80}]}\n`,
      [
        '4:7 warning SOURCE_FIELD Service default/echo spec.clusterIP: is missing: the service has no address (give it one, or "None")',
      ],
    ],
    [
      'a session affinity that Kubernetes would not take',
      `apiVersion: v1
kind: Service
metadata: {name: echo}
spec:
  clusterIP: 10.96.0.10
  sessionAffinity: ClientIP
  sessionAffinityConfig: {clientIP: {timeoutSeconds: 86401}}
---
apiVersion: v1
kind: Service
metadata: {name: other}
spec: {clusterIP: 10.96.0.11, sessionAffinity: Cookie}
`,
      [
        '7:54 error SOURCE_FIELD Service default/echo spec.sessionAffinityConfig.clientIP.timeoutSeconds: 86401 is out of range (use a whole number from 1 to 86400)',
        '12:48 error SOURCE_FIELD Service default/other spec.sessionAffinity: "Cookie" is not ClientIP or None',
      ],
    ],
    [
      'what Kubernetes would not take of how clients find it; only an age that is none leaves the service in use',
      `apiVersion: v1
kind: Service
metadata: {name: echo, creationTimestamp: yesterday}
spec:
  clusterIP: 10.96.0.10
  internalTrafficPolicy: Node
  ipFamilies: [IPv4, IPv5]
`,
      [
        '3:43 warning SOURCE_FIELD Service default/echo metadata.creationTimestamp: "yesterday" is not an RFC 3339 time: the service counts as one of unknown age',
        '7:22 error SOURCE_FIELD Service default/echo spec.ipFamilies[1]: "IPv5" is not IPv4 or IPv6',
        '6:26 error SOURCE_FIELD Service default/echo spec.internalTrafficPolicy: "Node" is not Cluster or Local',
      ],
    ],
    ['no object', '- 1\n- 2\n', ['1:1 error SOURCE_FIELD - -: is a list and must be a map']],
    [
      'no kind',
      'metadata: {name: x}\n',
      ['1:1 error SOURCE_FIELD - kind: is missing (write the object as for kubectl)'],
    ],
  ])('%s', async (_, text, expected) => {
    expect(await complaints(text)).toEqual(expected);
  });

  test('aliases that multiply are refused, not expanded', async () => {
    const levels = Array.from({ length: 12 }, (_, n) => `a${n + 1}: &a${n + 1} [${`*a${n},`.repeat(9)}*a${n}]`);
    const found = await complaints(`a0: &a0 [x]\n${levels.join('\n')}\n`);
    expect(found).toEqual(['1:1 error SOURCE_SYNTAX - -: more than 100 values by alias (write them out)']);
  });

  test('a list that contains itself is refused, not followed', async () => {
    const text = 'apiVersion: v1\nkind: List\nitems: &a\n- apiVersion: v1\n  kind: List\n  items: *a\n';
    expect(await complaints(text)).toEqual([
      '6:10 error SOURCE_FIELD - items: is a list in a list in a list (write the objects as documents)',
    ]);
  });

  test('text that is nested without end is refused, not fatal', async () => {
    expect(await complaints('['.repeat(100_000))).toHaveLength(1);
  });

  test('a document that is too long is refused before it is parsed', async () => {
    const found = await complaints(`# ${'x'.repeat(2 * 1024 * 1024)}\n---\n${SERVICE}`);
    expect(found).toEqual([expect.stringContaining('1:1 error SOURCE_SYNTAX - -: the document has more than')]);
  });

  test('any text gives objects and problems, and never throws', async () => {
    const piece = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 30 }),
      fc.constantFrom(
        '---\n',
        'kind: Service\n',
        'apiVersion: v1\n',
        'metadata:\n',
        '  name: x\n',
        'kind: List\n',
        'items: ',
        '&a ',
        '*a ',
        '? ',
        '- ',
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 12 }), async (pieces) => {
        const { objects, problems } = await read(pieces.join(''));
        for (const { line, column } of [...objects, ...problems]) expect(Math.min(line, column)).toBeGreaterThan(0);
      }),
    );
  });
});

test('unchanged documents are not parsed again, and move with the lines before them', async () => {
  const first = await readManifest(`${SERVICE}---\n${SLICE}`, new Map());
  const second = await readManifest(`${SERVICE.replace('port: 80', 'port: 81')}    # more\n---\n${SLICE}`, first.cache);
  const [, sliceBefore] = first.manifest.objects;
  const [, sliceAfter] = second.manifest.objects;
  expect(sliceAfter?.object).toBe(sliceBefore?.object);
  expect(sliceAfter?.line).toBe((sliceBefore?.line ?? 0) + 1);
});
