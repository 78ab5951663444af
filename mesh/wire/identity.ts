// STABLE: `cilium/state/identities/v1/id/<number>`, the labels of a security identity as text: each `source:key=value` and a
// semicolon, sorted. Source: Cilium v1.20 pkg/identity.

import { identityRange, inRange, type LabelSet, POLICY_CLUSTER_LABEL } from '../model/identity.ts';
import { err, ok, type Result } from '../model/result.ts';
import { decodeText, encodeText } from './json.ts';
import { misfit, type RecordContext, type RecordKind, type RecordProblem, VALUE_BYTES_MAX } from './record.ts';
import { KEY_LAYOUTS, parseRecordKey, recordKeys, stateKey } from './state-keys.ts';

export interface IdentityRecord {
  readonly labels: LabelSet;
}

const LAYOUT = KEY_LAYOUTS.identities;

export const identityKey = (identity: number): string => stateKey(LAYOUT, '', String(identity));

export const identityKind: RecordKind<IdentityRecord> = {
  ...recordKeys(LAYOUT),
  decode(bytes) {
    const text = decodeText(bytes, VALUE_BYTES_MAX);
    return text.ok ? parseLabels(text.value) : text;
  },
  encode: ({ labels }) => encodeText(labelText(labels)),
  validate,
};

/** The labels in the order given, each ended by a semicolon. */
export const labelText = (labels: LabelSet): string => labels.map((label) => `${label};`).join('');

function parseLabels(text: string): Result<IdentityRecord, string> {
  if (text === '' || !text.endsWith(';')) return err('labels are not each ended by a semicolon');
  const labels = text.slice(0, -1).split(';');
  const broken = labels.find((label) => !/^[^:]+:[^=]/.test(label));
  return broken === undefined ? ok({ labels }) : err(`label "${broken}" is not of the form source:key=value`);
}

/** The number that a key of this kind names. */
export function parseIdentityNumber(suffix: string): number | undefined {
  return /^(0|[1-9]\d{0,9})$/.test(suffix) ? Number(suffix) : undefined;
}

function validate({ labels }: IdentityRecord, context: RecordContext): readonly RecordProblem[] {
  const parts = parseRecordKey(LAYOUT, context.key);
  if (!parts.ok) return [misfit('key', parts.error)];
  const { cluster: keyCluster, suffix } = parts.value;
  if (keyCluster !== undefined && keyCluster !== context.cluster) {
    return [misfit('key', `names cluster ${keyCluster}, not ${context.cluster}`)];
  }
  const number = parseIdentityNumber(suffix);
  if (number === undefined) return [misfit('key', `"${suffix}" is no identity number`)];
  const problems: RecordProblem[] = [];
  const range = identityRange(context.clusterId, context.maxConnectedClusters);
  if (!inRange(range, number)) {
    const reason = `${number} is outside the cluster's range ${range.min} to ${range.max}`;
    problems.push({ code: 'CM-IDENT-001', field: 'key', reason });
  }
  const clusterLabels = labels.filter((label) => label.startsWith(`${POLICY_CLUSTER_LABEL}=`));
  if (clusterLabels.length !== 1 || clusterLabels[0] !== `${POLICY_CLUSTER_LABEL}=${context.cluster}`) {
    const found = clusterLabels.length === 0 ? 'no cluster label' : `the label ${clusterLabels.join(', ')}`;
    problems.push({
      code: 'CM-IDENT-003',
      field: 'labels',
      reason: `carries ${found} instead of ${context.cluster}'s`,
    });
  }
  return problems;
}
