// Bundles of peers that were not taken, as a part of what is reported of trust: one without a key that is trusted is
// CM-TRUST-008, as it is for a card or a chain; one that is unusable otherwise leaves it unknown whether keys were replaced.

import type { Assessment } from '../../mesh/conflict/evaluate.ts';
import { counted } from '../../mesh/model/counted.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import { bundleKey } from '../../mesh/wire/trust-bundle.ts';
import { trustFinding } from '../../pki/trust/findings.ts';
import type { PeerBundleState } from './peer-bundles.ts';

const CODE = 'CM-TRUST-008';

export function withBundles(
  assessment: Assessment,
  states: ReadonlyMap<ClusterName, PeerBundleState>,
  { local, now }: { readonly local: ClusterName; readonly now: number },
): Assessment {
  const findings = [...states].flatMap(([peer, { refusal }]) =>
    refusal?.repinned === undefined ? [] : [repinned(peer, refusal.repinned, local, now)],
  );
  const doubts = [...states].flatMap(([peer, { refusal }]) =>
    refusal === undefined || refusal.repinned !== undefined ? [] : [`${peer}: its bundle: ${refusal.reason}`],
  );
  if (findings.length === 0 && doubts.length === 0) return assessment;
  return {
    ...assessment,
    findings: [...assessment.findings, ...findings],
    checks: assessment.checks.map((check) => {
      if (check.code !== CODE || check.status === 'failed') return check;
      if (findings.length > 0) {
        const reason = counted(findings.length, 'finding');
        return { ...check, status: 'failed', reason };
      }
      return { ...check, status: 'unknown', reason: doubts.join('; ') };
    }),
  };
}

function repinned(
  peer: ClusterName,
  { kept, shown }: { readonly kept: readonly string[]; readonly shown: readonly string[] },
  local: ClusterName,
  now: number,
) {
  return trustFinding(
    {
      code: CODE,
      severity: 'blocking',
      aspect: 'bundle',
      certificate: undefined,
      issuers: [],
      reason: `${peer} announces authorities of which none is trusted, so that the trust store stays as it is`,
      presented: shown.join(', '),
      expected: `one of ${kept.join(', ')} among them`,
      remedy: `Compare the new pin of ${peer} by another way, then put its ca/ca.pem into its trust store: clustermesh pki trust --peer ${peer}.`,
    },
    {
      cluster: peer,
      local,
      now,
      where: { chain: bundleKey(peer), ca: '' },
      path: [],
      storePins: kept,
    },
  );
}
