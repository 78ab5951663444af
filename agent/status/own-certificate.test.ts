import { beforeAll, describe, expect, test } from 'vitest';
import { Health } from '../../runtime/health.ts';
import { ManualClock } from '../../runtime/manual-clock.ts';
import { authority, certify, DAY, type Issued, NOW } from '../../test/samples/certificates.ts';
import { certificateHealth, ownCertificate } from './own-certificate.ts';

const HOUR = DAY / 24;
let leaf: Issued;
beforeAll(async () => {
  leaf = await certify({ name: 'n1', issuer: await authority({ name: 'west' }), from: NOW, to: NOW + DAY });
});

describe("an agent's own certificate", () => {
  test.each<[string, number, string | undefined, string]>([
    ['fresh', 1, undefined, 'ok'],
    ['due for renewal', 17, undefined, 'ok'],
    ['not renewed', 20, undefined, 'expires on 2026-03-02T00:00:00.000Z, and nothing has renewed it'],
    ['over', 24, undefined, 'expired on 2026-03-02T00:00:00.000Z, and nothing has renewed it'],
    ['followed by a file that is broken', 17, 'holds no PEM certificate', 'not taken over: holds no PEM certificate'],
  ])('that is %s', (_, hours, problem, told) => {
    const clock = new ManualClock(NOW + hours * HOUR);
    const health = new Health(clock);
    const found = ownCertificate({ path: 'cert.pem', certificate: leaf.pem, problem }, clock.now());
    certificateHealth(found, health);
    expect(found.notAfter).toBe(NOW + DAY);
    const { state, reason } = health.entries.get('tls') ?? {};
    if (told === 'ok') expect([state, reason]).toEqual(['ok', '']);
    else expect([state, reason]).toEqual(['degraded', expect.stringContaining(told)]);
  });
});
