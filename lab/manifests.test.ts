import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { endpointSliceManifest, ManifestFolder, namespaceManifest, serviceManifest } from './manifests.ts';

test('a folder of manifests holds one file per object, replaced as a whole', () => {
  const path = mkdtempSync(join(tmpdir(), 'manifests-'));
  try {
    const folder = new ManifestFolder(path);
    const spec = { namespace: 'demo', name: 'echo', clusterIP: '172.20.1.10', port: 80, targetPort: 8080 };
    const service = { ...spec, global: true, shared: true, affinity: 'local' as const };
    const endpoint = { address: '10.1.1.10', node: 'w1', pod: 'echo-1', terminating: true };
    folder.apply(namespaceManifest('demo'), serviceManifest(service), endpointSliceManifest(spec, []));
    folder.apply(endpointSliceManifest(spec, [endpoint]));
    expect(readdirSync(path).sort()).toEqual([
      'endpointslice-demo-echo-lab.yaml',
      'namespace-demo.yaml',
      'service-demo-echo.yaml',
    ]);
    const read = (name: string) => parse(readFileSync(join(path, name), 'utf8'));
    expect(read('service-demo-echo.yaml').metadata.annotations).toEqual({
      'service.cilium.io/global': 'true',
      'service.cilium.io/shared': 'true',
      'service.cilium.io/affinity': 'local',
    });
    expect(read('endpointslice-demo-echo-lab.yaml').endpoints[0]).toMatchObject({
      addresses: ['10.1.1.10'],
      conditions: { ready: false, serving: true, terminating: true },
    });
    folder.remove(namespaceManifest('demo'), namespaceManifest('absent'));
    expect(readdirSync(path)).toHaveLength(2);
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
});
