// Given a mesh with one thing wrong in it, one for each code, when it is admitted, then the report names it, the quarantine has what is
// withheld and nothing else, and what is left of the peer is admitted. A code that is judged elsewhere says where.

import { describe, expect, test } from 'vitest';
import { CATALOGUE } from '../../mesh/conflict/catalogue.ts';
import { AdmittedMesh } from '../../test/samples/admission.ts';
import { CONFLICT_CASES } from '../../test/samples/conflict-cases.ts';

/** Judged by others, and tested there. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'CM-TRUST':
    'pki/trust, but for 008: what chains and stores say; a peer whose chain does not verify has no link at all',
  'CM-KERN': 'mesh/conflict/kernel.test.ts: what agents report; nothing of a peer is withheld for it',
};

describe('every code', () => {
  test.each(CONFLICT_CASES.map((row) => [row.code, row] as const))(
    '%s',
    (code, { clusters, after, severity, withheld, missing }) => {
      const mesh = new AdmittedMesh(clusters, { quota: { records: 16, bytes: 1_000_000 } });
      after?.(mesh);
      const { findings, checks } = mesh.report;
      const found = findings.filter((finding) => finding.code === code);
      expect(found.length, JSON.stringify(findings)).toBeGreaterThan(0);
      expect(found.map((finding) => finding.severity)).toContain(severity);
      expect(checks.find((check) => check.code === code)?.status).toBe('failed');

      const quarantine = mesh.withheld('late');
      expect(Object.keys(quarantine)).toEqual([...withheld].sort());
      for (const codes of Object.values(quarantine)) expect(codes).toContain(code);

      // Everything that is not withheld whole is there, and what is withheld in part is not what it was.
      const sent = new Map(
        clusters.find(({ name }) => name === 'late')?.records?.map(({ key, bytes }) => [key, bytes]),
      );
      for (const key of missing) expect(mesh.admitted('late', key), key).toBeUndefined();
      for (const [key, bytes] of sent) {
        if (missing.includes(key)) continue;
        const admitted = mesh.engine.admitted('late' as never).get(key);
        expect(admitted, key).toBeDefined();
        if (['CM-ID-004', 'CM-TRUST-008', 'CM-IDENT-004'].includes(code)) continue;
        expect(Buffer.compare(admitted ?? Buffer.alloc(0), bytes) === 0, key).toBe(!withheld.includes(key));
      }
    },
  );

  test('is here, or says where it is', () => {
    const here = new Set(CONFLICT_CASES.map(({ code }) => code));
    const nowhere = [...CATALOGUE.keys()].filter(
      (code) => !here.has(code) && ELSEWHERE[code.slice(0, code.lastIndexOf('-'))] === undefined,
    );
    expect(nowhere).toEqual([]);
    expect([...here].filter((code) => !CATALOGUE.has(code))).toEqual([]);
  });
});
