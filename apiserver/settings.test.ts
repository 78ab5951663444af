// What the cluster says of itself follows its files, and what it is told to do without.

import { expect, test } from 'vitest';
import type { ClusterName } from '../mesh/model/names.ts';
import { offeredBy } from '../mesh/wire/card.ts';
import { createAuthority } from '../pki/authority.ts';
import { spkiPins } from '../pki/spki.ts';
import { apiServerConfigSchema } from './config.ts';
import { clusterCard } from './publisher/convert/cluster.ts';
import { clusterSettings } from './settings.ts';

const files = { ca: ['ca.pem'], cert: 'cert.pem', key: 'key.pem' };
const config = apiServerConfigSchema.parse({
  cluster: { name: 'west', id: 1, podCIDRs: ['10.1.0.0/16'] },
  etcd: { endpoints: ['127.0.0.1:2379'], tls: files },
  sources: { manifests: 'manifests' },
  door: { tls: files },
  rpc: { tls: files },
});

test('the pins are those of the authorities that are in use now', async () => {
  const made = { cluster: 'west' as ClusterName, now: Date.parse('2026-03-01T00:00:00Z'), days: 30 };
  const [old, next] = [await createAuthority(made), await createAuthority(made)];
  let ca = old.certificate;
  const settings = clusterSettings(config, { caText: () => ca });
  const pinsOf = (...pems: readonly string[]) => spkiPins(pems);
  expect(settings.spkiPins).toEqual(pinsOf(old.certificate));
  ca += next.certificate;
  expect(settings.spkiPins).toEqual(pinsOf(old.certificate, next.certificate));
  ca = next.certificate;
  expect(settings.spkiPins).toEqual(pinsOf(next.certificate));
});

test('what is withheld is not offered', () => {
  const offered = (...withhold: readonly string[]) => {
    const settings = clusterSettings(apiServerConfigSchema.parse({ ...config, withhold }), { caText: () => undefined });
    return offeredBy(clusterCard(settings, { uid: 'u', joinedAt: undefined }, 0));
  };
  expect(offered()).toEqual(['synced-canaries', 'service-specs', 'service-pieces', 'trust-bundle']);
  expect(offered('service-pieces', 'trust-bundle', 'address-stream')).toEqual(['synced-canaries', 'service-specs']);
  expect(() => offered('service-peaces')).toThrow(/withhold/);
});
