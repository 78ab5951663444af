// One line of `state.jsonl`: `{"key": "cilium/…", "value": …}`. Pure. A JSON value is kept as JSON, a text as that text, which
// is how the two forms stand in etcd; what the value means is judged later, like one that came from a peer.

import { err, ok, type Result } from '../../mesh/model/result.ts';

export interface StateLine {
  readonly key: string;
  readonly bytes: Uint8Array;
}

export function parseStateLine(line: string): Result<StateLine, string> {
  const parsed = parseJson(line);
  if (!parsed.ok) return parsed;
  if (typeof parsed.value !== 'object' || parsed.value === null || Array.isArray(parsed.value)) {
    return err('is not a JSON object');
  }
  const { key, value } = parsed.value as Readonly<Record<string, unknown>>;
  if (typeof key !== 'string' || key === '') return err('has no key');
  if (value === undefined) return err('has no value');
  // Buffer.from takes small values out of one shared block, which a mesh of a million records is thankful for.
  return ok({ key, bytes: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)) });
}

function parseJson(text: string): Result<unknown, string> {
  try {
    return ok(JSON.parse(text) as unknown);
  } catch {
    return err('is not JSON');
  }
}
