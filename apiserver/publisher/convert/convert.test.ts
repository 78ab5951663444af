// From manifests to the exact bytes that peers read: the examples of Cilium's schema, and the rules of what is published.

import { describe, expect, test } from 'vitest';
import type { ClusterId, ClusterName, IpAddress, NumericIdentity, ServiceKey } from '../../../mesh/model/names.ts';
import { encodeClusterConfig } from '../../../mesh/wire/cluster-config.ts';
import { clusterServiceKind } from '../../../mesh/wire/cluster-service.ts';
import { labelText } from '../../../mesh/wire/identity.ts';
import { ipIdentityKind } from '../../../mesh/wire/ip-identity.ts';
import { decodeLocalService, encodeLocalService } from '../../../mesh/wire/local-service.ts';
import { nodeKind } from '../../../mesh/wire/node.ts';
import { serviceSpecKind } from '../../../mesh/wire/service-spec.ts';
import { readManifest } from '../../sources/manifests/manifest.ts';
import { ObjectTable } from '../../sources/object-table.ts';
import { type ClusterObject, refOf, refText } from '../../sources/objects.ts';
import { ServiceSlices } from '../../sources/service-slices.ts';
import type { ClusterSettings } from '../settings.ts';
import { clusterConfig } from './cluster.ts';
import { identityLabels, isIdentityRelevant } from './identity-labels.ts';
import { hostAddress, ipIdentityRecord, publishedAddresses } from './ip.ts';
import { isGlobalNamespace } from './namespaces.ts';
import { nodeRecord } from './node.ts';
import { clusterService } from './peer-service.ts';
import { localService } from './service.ts';
import { serviceSpec } from './service-spec.ts';

const cluster = { name: 'cluster3' as ClusterName, id: 3 as ClusterId };
const text = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString();

async function objectsOf(manifest: string) {
  const { objects, problems } = (await readManifest(manifest, new Map())).manifest;
  expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  const table = new ObjectTable();
  table.replaceAll(new Map(objects.map(({ object }) => [refText(refOf(object)), object satisfies ClusterObject])));
  return table;
}

async function publishedOf(manifest: string) {
  const objects = await objectsOf(manifest);
  const slices = new ServiceSlices(objects);
  slices.touchedBy([...objects.endpointSlices.keys()].map((key) => ({ kind: 'EndpointSlice', key })));
  const service = objects.services.get('test/echo');
  const found = slices.slicesOf('test/echo' as ServiceKey);
  const local = service && localService(service, cluster, found);
  const forPeers = local && clusterService(local, cluster, found);
  const spec = service && local && serviceSpec(service, local, cluster);
  return {
    local,
    forPeers,
    bytes: text(forPeers && clusterServiceKind.encode(forPeers)),
    spec,
    specBytes: text(spec && serviceSpecKind.encode(spec)),
  };
}

const service = (annotations: string, clusterIP = '10.96.0.10') => `
apiVersion: v1
kind: Service
metadata: {name: echo, namespace: test, annotations: {${annotations}}}
spec:
  clusterIP: ${clusterIP}
  selector: {app: echo}
  ports: [{name: http, port: 80}]
`;
const slice = (name: string, endpoints: string, ports = '{name: http, port: 8080}') => `
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ${name}, namespace: test, labels: {kubernetes.io/service-name: echo}}
addressType: IPv4
ports: [${ports}]
endpoints: [${endpoints}]
`;
const GLOBAL = 'service.cilium.io/global: "true"';

describe('services', () => {
  test("the bytes of Cilium's example", async () => {
    const { bytes, forPeers } = await publishedOf(service(GLOBAL) + slice('a', '{addresses: [10.244.1.10]}'));
    expect(bytes).toBe(
      '{"cluster":"cluster3","namespace":"test","name":"echo","frontends":{"10.96.0.10":{"http":{"Protocol":"TCP","Port":80}}},' +
        '"backends":{"10.244.1.10":{"http":{"Protocol":"TCP","Port":8080}}},"labels":{},"selector":{"app":"echo"},' +
        '"includeExternal":true,"shared":true,"clusterID":3}',
    );
    const context = {
      key: 'cilium/state/services/v1/cluster3/test/echo',
      cluster: cluster.name,
      clusterId: cluster.id,
      maxConnectedClusters: 255 as const,
    };
    expect(forPeers && clusterServiceKind.validate(forPeers, context)).toEqual([]);
  });

  test.each<[string, { local: boolean; peers: boolean; affinity?: string }]>([
    ['', { local: false, peers: false }],
    ['service.cilium.io/shared: "true"', { local: false, peers: false }],
    [GLOBAL, { local: true, peers: true, affinity: 'none' }],
    [`${GLOBAL}, service.cilium.io/shared: "false"`, { local: true, peers: false, affinity: 'none' }],
    [
      'io.cilium/global-service: "true", io.cilium/service-affinity: remote',
      { local: true, peers: true, affinity: 'remote' },
    ],
    [`${GLOBAL}, io.cilium/global-service: "false"`, { local: true, peers: true, affinity: 'none' }],
    [`${GLOBAL}, service.cilium.io/affinity: LOCAL`, { local: true, peers: true, affinity: 'local' }],
    [`${GLOBAL}, service.cilium.io/affinity: sideways`, { local: true, peers: true, affinity: 'none' }],
  ])('annotations {%s}', async (annotations, expected) => {
    const { local, forPeers } = await publishedOf(service(annotations));
    expect({ local: local !== undefined, peers: forPeers !== undefined }).toEqual({
      local: expected.local,
      peers: expected.peers,
    });
    expect(local?.affinity).toBe(expected.affinity);
  });

  test('session affinity is kept for the own cluster, and peers see the same bytes', async () => {
    const { local, bytes } = await publishedOf(service(GLOBAL).replace('spec:', 'spec:\n  sessionAffinity: ClientIP'));
    expect(local?.clientIPTimeoutSeconds).toBe(10_800);
    expect(local && decodeLocalService(encodeLocalService(local))).toEqual({ ok: true, value: local });
    expect(bytes).toBe((await publishedOf(service(GLOBAL))).bytes);
  });

  test.each([
    ['2026-01-01T00:00:00.9Z', 1_767_225_600],
    ['1969-12-31T23:59:59Z', undefined],
    ['2200-01-01T00:00:00Z', undefined],
  ])('a Service made at %s is from second %s', async (time, seconds) => {
    const { local } = await publishedOf(
      service(GLOBAL).replace('metadata: {', `metadata: {creationTimestamp: "${time}", `),
    );
    expect(local?.createdSeconds).toBe(seconds);
    expect(local && decodeLocalService(encodeLocalService(local))).toEqual({ ok: true, value: local });
  });

  test('how it is exported: in full, and only what its owner exports of labels and annotations', async () => {
    const { spec, specBytes } = await publishedOf(`
apiVersion: v1
kind: Service
metadata:
  name: echo
  namespace: test
  creationTimestamp: "2026-01-01T00:00:00Z"
  labels: {tier: web, helm.sh/chart: echo-1.2.3}
  annotations:
    ${GLOBAL}
    team: shop
    clustermesh.cilium.io/exported-labels: "tier, nowhere,"
    clustermesh.cilium.io/exported-annotations: team
spec:
  clusterIPs: [10.96.0.10, "fd00::a"]
  ipFamilies: [IPv4, IPv6]
  internalTrafficPolicy: Local
  trafficDistribution: PreferClose
  sessionAffinity: ClientIP
  sessionAffinityConfig: {clientIP: {timeoutSeconds: 600}}
  ports: [{name: http, port: 80, appProtocol: kubernetes.io/h2c}, {name: dns, port: 53, protocol: UDP}]
`);
    expect(specBytes).toBe(
      '{"cluster":"cluster3","name":"echo","namespace":"test","annotations":{"team":"shop"},"labels":{"tier":"web"},' +
        '"exportCreationTimestamp":"2026-01-01T00:00:00Z","ports":[{"name":"dns","protocol":"UDP","port":53},{"name":"http",' +
        '"protocol":"TCP","appProtocol":"kubernetes.io/h2c","port":80}],"type":"ClusterSetIP","sessionAffinity":"ClientIP",' +
        '"sessionAffinityConfig":{"clientIP":{"timeoutSeconds":600}},"ipFamilies":["IPv4","IPv6"],"internalTrafficPolicy":"Local",' +
        '"trafficDistribution":"PreferClose"}',
    );
    const context = {
      key: 'clustermesh/v1/services/cluster3/test/echo',
      cluster: cluster.name,
      clusterId: cluster.id,
      maxConnectedClusters: 255 as const,
    };
    expect(spec && serviceSpecKind.validate(spec, context)).toEqual([]);
  });

  test.each([
    ["Kubernetes' defaults", '10.96.0.10', '"type":"ClusterSetIP","sessionAffinity":"None","ipFamilies":["IPv4"]'],
    [
      'the families of its addresses',
      '"fd00::a"',
      '"type":"ClusterSetIP","sessionAffinity":"None","ipFamilies":["IPv6"]',
    ],
    ['headless, of families that nobody has named', 'None', '"type":"Headless","sessionAffinity":"None"'],
  ])('how it is exported: %s', async (_, clusterIP, said) => {
    const { specBytes } = await publishedOf(service(GLOBAL, clusterIP));
    expect(specBytes).toBe(
      '{"cluster":"cluster3","name":"echo","namespace":"test","ports":[{"name":"http","protocol":"TCP","port":80}],' +
        `${said},"internalTrafficPolicy":"Cluster"}`,
    );
  });

  test('what is not shared is not exported', async () => {
    expect((await publishedOf(service(`${GLOBAL}, service.cilium.io/shared: "false"`))).specBytes).toBeUndefined();
    expect((await publishedOf(service(''))).specBytes).toBeUndefined();
  });

  test('a name for something outside is not published', async () => {
    const { local } = await publishedOf(service(GLOBAL).replace('spec:', 'spec:\n  type: ExternalName'));
    expect(local).toBeUndefined();
  });

  test('endpoints that answer nobody are dropped, terminating ones are kept apart, and peers see none of both', async () => {
    const endpoints = [
      '{addresses: [10.0.0.1], conditions: {ready: true}}',
      '{addresses: [10.0.0.2], conditions: {ready: false, serving: true, terminating: true}}',
      '{addresses: [10.0.0.3], conditions: {ready: false, serving: false, terminating: true}}',
      '{addresses: [10.0.0.4], conditions: {ready: false}}',
      '{addresses: [10.0.0.5]}',
    ];
    const { local, forPeers } = await publishedOf(service(GLOBAL) + slice('a', endpoints.join(', ')));
    expect([...(local?.backends ?? [])].map(({ address, state }) => `${address} ${state}`)).toEqual([
      '10.0.0.1 active',
      '10.0.0.2 terminating',
      '10.0.0.5 active',
    ]);
    expect(Object.keys(forPeers?.backends ?? {})).toEqual(['10.0.0.1', '10.0.0.5']);
  });

  test('peers see terminating endpoints where no active one is left', async () => {
    const endpoint = '{addresses: [10.0.0.2], conditions: {ready: false, serving: true, terminating: true}}';
    const { forPeers } = await publishedOf(service(GLOBAL) + slice('a', endpoint));
    expect(Object.keys(forPeers?.backends ?? {})).toEqual(['10.0.0.2']);
  });

  test('an address in several slices is one backend, with all its ports, whatever the order', async () => {
    const one = slice('a', '{addresses: [10.0.0.1], conditions: {terminating: true}}', '{name: http, port: 8080}');
    const two = slice('b', '{addresses: [10.0.0.1]}', '{name: dns, port: 53, protocol: UDP}');
    const { local } = await publishedOf(service(GLOBAL) + one + two);
    expect(local?.backends).toEqual([
      {
        address: '10.0.0.1',
        cluster: 'cluster3',
        clusterId: 3,
        state: 'active',
        ports: [
          { name: 'dns', protocol: 'UDP', port: 53 },
          { name: 'http', protocol: 'TCP', port: 8080 },
        ],
      },
    ]);
    expect((await publishedOf(service(GLOBAL) + two + one)).local).toEqual(local);
  });

  test('a headless service has no frontends, and keeps host names and zones', async () => {
    const endpoint = '{addresses: [10.0.0.1], hostname: web-0, zone: a, hints: {forZones: [{name: a}]}}';
    const { forPeers } = await publishedOf(service(GLOBAL, 'None') + slice('a', endpoint));
    expect(forPeers).toMatchObject({
      frontends: {},
      hostnames: { '10.0.0.1': 'web-0' },
      zones: { '10.0.0.1': { zone: 'a', forZones: [{ name: 'a' }] } },
    });
  });

  test('the local record is read back as it was', async () => {
    const { local } = await publishedOf(service(GLOBAL) + slice('a', '{addresses: [10.0.0.1]}'));
    if (local === undefined) throw new Error('not global');
    expect(decodeLocalService(encodeLocalService(local))).toEqual({ ok: true, value: local });
  });
});

test.each<[string, boolean, boolean]>([
  ['', true, true],
  ['', false, false],
  ['clustermesh.cilium.io/global: "true"', false, true],
  ['clustermesh.cilium.io/global: "false"', true, false],
  ['clustermesh.cilium.io/global: "maybe"', true, false],
])('a namespace with {%s} under the default %s takes part: %s', async (annotations, byDefault, expected) => {
  const objects = await objectsOf(
    `{apiVersion: v1, kind: Namespace, metadata: {name: test, annotations: {${annotations}}}}`,
  );
  expect(isGlobalNamespace(objects, 'test', byDefault)).toBe(expected);
  expect(isGlobalNamespace(objects, 'unknown', byDefault)).toBe(byDefault);
});

const NODE = `
apiVersion: v1
kind: Node
metadata: {name: n1, labels: {kubernetes.io/hostname: n1}}
spec: {podCIDR: 10.244.0.0/24, podCIDRs: [10.244.0.0/24, fd00:1::/64, 10.244.9.0/24]}
status:
  nodeInfo: {bootID: 570d3fd1-93db-4862-ba99-6a3c2c10c38f}
  addresses: [{type: InternalIP, address: 172.18.0.2}, {type: CiliumInternalIP, address: 10.244.0.10}, {type: Hostname, address: n1}]
`;

test('a node', async () => {
  const node = (await objectsOf(NODE)).nodes.get('n1');
  expect(node && text(nodeKind.encode(nodeRecord(cluster, node)))).toBe(
    '{"Name":"n1","Cluster":"cluster3","IPAddresses":[{"Type":"InternalIP","IP":"172.18.0.2"},{"Type":"CiliumInternalIP","IP":"10.244.0.10"}],' +
      '"IPv4AllocCIDR":{"IP":"10.244.0.0","Mask":"////AA=="},"IPv4SecondaryAllocCIDRs":[{"IP":"10.244.9.0","Mask":"////AA=="}],' +
      '"IPv6AllocCIDR":{"IP":"fd00:1::","Mask":"//////////8AAAAAAAAAAA=="},"IPv6SecondaryAllocCIDRs":null,' +
      '"IPv4HealthIP":"","IPv6HealthIP":"","IPv4IngressIP":"","IPv6IngressIP":"","ClusterID":3,"Source":"custom-resource","EncryptionKey":0,' +
      '"Labels":{"kubernetes.io/hostname":"n1"},"Annotations":null,"WireguardPubKey":"","BootID":"570d3fd1-93db-4862-ba99-6a3c2c10c38f"}',
  );
});

const POD = `
---
apiVersion: v1
kind: Pod
metadata: {name: web-0, namespace: bar, labels: {app: baz, pod-template-hash: 7d4b9c}}
spec: {nodeName: n1, containers: [{ports: [{name: http, containerPort: 8080}]}]}
status: {podIP: 10.244.2.74, hostIP: 172.18.0.2}
`;

describe('pods', () => {
  test("the bytes of Cilium's example of an address", async () => {
    const pod = (await objectsOf(POD)).pods.get('bar/web-0');
    if (pod === undefined) throw new Error('no pod');
    const [address] = publishedAddresses(pod);
    const host = hostAddress(pod, undefined);
    const record = ipIdentityRecord(pod, address as IpAddress, { identity: 199475 as NumericIdentity, host });
    expect(text(ipIdentityKind.encode(record))).toBe(
      '{"IP":"10.244.2.74","Mask":null,"HostIP":"172.18.0.2","ID":199475,"Key":0,"Metadata":"","K8sNamespace":"bar","K8sPodName":"web-0",' +
        '"K8sServiceAccount":"default","NamedPorts":[{"Name":"http","Port":8080,"Protocol":"TCP"}]}',
    );
  });

  test('the host is the one of the node when the pod does not say', async () => {
    const objects = await objectsOf(NODE + POD.replace(', hostIP: 172.18.0.2', ''));
    const pod = objects.pods.get('bar/web-0');
    expect(pod && hostAddress(pod, objects.nodes.get('n1'))).toBe('172.18.0.2');
  });

  test.each([
    ['on the network of its host', POD.replace('{nodeName', '{hostNetwork: true, nodeName')],
    ['that is finished', POD.replace('{podIP', '{phase: Succeeded, podIP')],
  ])('of a pod %s no address is published', async (_, manifest) => {
    const pod = (await objectsOf(manifest)).pods.get('bar/web-0');
    expect(pod && publishedAddresses(pod)).toEqual([]);
  });

  test('the labels of its identity', async () => {
    const pod = (await objectsOf(POD)).pods.get('bar/web-0');
    expect(pod && labelText(identityLabels(pod, { team: 'x' }, cluster.name))).toBe(
      'k8s:app=baz;k8s:io.cilium.k8s.namespace.labels.team=x;k8s:io.cilium.k8s.policy.cluster=cluster3;' +
        'k8s:io.cilium.k8s.policy.serviceaccount=default;k8s:io.kubernetes.pod.namespace=bar;',
    );
  });

  test.each<[string, boolean]>([
    ['app', true],
    ['app.kubernetes.io/name', true],
    ['example.com/tier', true],
    ['pod-template-hash', false],
    ['controller-revision-hash', false],
    ['statefulset.kubernetes.io/pod-name', false],
    ['apps.kubernetes.io/pod-index', false],
    ['kubernetes.io/arch', false],
    ['topology.beta.kubernetes.io/zone', false],
    ['io.kubernetes.pod.name', false],
  ])('label %s counts: %s', (label, expected) => {
    expect(isIdentityRelevant(label)).toBe(expected);
  });
});

test('the cluster-config', () => {
  const settings = { ...cluster, maxConnectedClusters: 255 } as ClusterSettings;
  expect(text(encodeClusterConfig(clusterConfig(settings)))).toBe(
    '{"id":3,"capabilities":{"syncedCanaries":true,"maxConnectedClusters":255,"serviceExportsEnabled":false}}',
  );
});
