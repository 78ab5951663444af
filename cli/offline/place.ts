// Which file of an offline folder a finding is about. A finding names the key under which something is written; the folder has
// that key's value in one of a few files.

import type { Finding } from '../../mesh/conflict/finding.ts';

export interface Place {
  /** Below the folder that was judged. */
  readonly path: string;
  /** From 1, where one line is meant. */
  readonly line: number | undefined;
}

const OWN_FILES: ReadonlySet<string> = new Set([
  'state.jsonl',
  'card.json',
  'admitted.json',
  'heartbeat',
  'ca.pem',
  'chain.pem',
]);

export function placeOf({ subject, category, evidence }: Finding): Place {
  const { field } = evidence;
  const line = subject.key === 'state.jsonl' && typeof field === 'string' ? /^line (\d+)$/.exec(field)?.[1] : undefined;
  if (subject.key === 'local') return { path: 'local', line: undefined };
  return {
    path: `${subject.cluster}/${fileOf(subject.key, category)}`,
    line: line === undefined ? undefined : Number(line),
  };
}

function fileOf(key: string, category: Finding['category']): string {
  if (OWN_FILES.has(key)) return key;
  if (key.startsWith('cilium/state/') || key.startsWith('cilium/cluster-config/')) return 'state.jsonl';
  switch (category) {
    case 'identity':
    case 'service':
      return 'state.jsonl';
    case 'trust':
      return 'chain.pem';
    case 'freshness':
      return 'heartbeat';
    default:
      return 'card.json';
  }
}
