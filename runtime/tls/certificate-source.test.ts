import { expect, test } from 'vitest';
import type { ClusterName } from '../../mesh/model/names.ts';
import { type Authority, createAuthority, DAY_MS } from '../../pki/authority.ts';
import { issue } from '../../pki/issue.ts';
import { CertificateSource } from './certificate-source.ts';
import type { TlsMaterial } from './material.ts';

const authorityOf = (cluster: string) => createAuthority({ cluster: cluster as ClusterName, now: Date.now(), days: 1 });
const pairOf = (authority: Authority) => issue({ authority, profile: 'peer', now: Date.now(), ttlMs: DAY_MS, ips: [] });

async function materials(): Promise<Readonly<Record<'first' | 'otherCa' | 'otherPair', TlsMaterial>>> {
  const [west, east] = [await authorityOf('west'), await authorityOf('east')];
  const first = { ca: west.certificate, ...(await pairOf(west)) };
  return { first, otherCa: { ...first, ca: east.certificate }, otherPair: { ...first, ...(await pairOf(west)) } };
}

/** What somebody is told who keeps a secure context of a server up to date. */
function told(source: CertificateSource) {
  const words: string[] = [];
  source.addCaCertificateListener(() => words.push('ca'));
  source.addIdentityCertificateListener(() => words.push('pair'));
  return words;
}

test('a server is told what is another than before, and of nothing else', async () => {
  const { first, otherCa, otherPair } = await materials();
  const source = new CertificateSource(first);
  const words = told(source);
  await expect.poll(() => words).toEqual(['ca', 'pair']);
  const after = (material: TlsMaterial) => {
    words.length = 0;
    source.publish(material);
    return [...words];
  };
  expect(after(otherCa)).toEqual(['ca']);
  expect(after({ ...otherPair, ca: otherCa.ca })).toEqual(['pair']);
  expect(after(first)).toEqual(['ca', 'pair']);
  expect(after({ ...first })).toEqual([]);
});

test('one secure context serves every client with the same material, and none with other material', async () => {
  const { first, otherCa, otherPair } = await materials();
  const [one, another] = [new CertificateSource(first), new CertificateSource({ ...first, ca: `${first.ca}\n` })];
  const context = one.clientContext;
  expect(another.clientContext).toBe(context);
  one.publish(otherCa);
  const withOtherCa = one.clientContext;
  one.publish(otherPair);
  expect(new Set([context, withOtherCa, one.clientContext]).size).toBe(3);
  one.publish(first);
  expect(one.clientContext).toBe(context);
});
