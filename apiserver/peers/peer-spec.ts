// What an operator says about one peer: a YAML document {name, endpoints, ca, serverName?}. `ca` names the files of the trust
// store that is bound to this peer and to no other. Relative paths are relative to the document. Cilium's own
// format: cilium-config.ts.

import { dirname, isAbsolute, resolve } from 'node:path';
import { type Document, parseDocument } from 'yaml';
import { z } from 'zod';
import type { ClusterName } from '../../mesh/model/names.ts';
import { parseClusterName } from '../../mesh/model/names.ts';
import { err, ok, type Result } from '../../mesh/model/result.ts';

export interface PeerSpec {
  readonly name: ClusterName;
  /** `https://host:port`, at least one. */
  readonly endpoints: readonly string[];
  /** Absolute paths of PEM files. */
  readonly ca: readonly string[];
  /** The name that the peer's door is expected to carry. */
  readonly serverName: string;
  /** What is shown at this peer's door, where it is not what the cluster shows everywhere: paths of PEM files. */
  readonly client?: { readonly cert: string; readonly key: string };
}

const schema = z.object({
  name: z.string(),
  endpoints: z.array(z.url({ protocol: /^https$/ })).min(1),
  ca: z.union([z.string(), z.array(z.string()).min(1)]),
  serverName: z.string().optional(),
});

export function parsePeerSpec(path: string, text: string): Result<PeerSpec, string> {
  const value = readYaml(text);
  if (!value.ok) return value;
  const parsed = schema.safeParse(value.value);
  if (!parsed.success) {
    return err(
      parsed.error.issues.map((issue) => `${issue.path.join('.') || 'document'}: ${issue.message}`).join('; '),
    );
  }
  const name = parseClusterName(parsed.data.name);
  if (!name.ok) return err(`name: ${name.error}`);
  const { ca, endpoints, serverName } = parsed.data;
  const absolute = (file: string) => (isAbsolute(file) ? file : resolve(dirname(path), file));
  return ok({
    name: name.value,
    endpoints,
    ca: (typeof ca === 'string' ? [ca] : ca).map(absolute),
    serverName: serverName ?? `${name.value}.mesh.cilium.io`,
  });
}

/** One document as plain values. */
export function readYaml(text: string): Result<unknown, string> {
  const document = parseDocument(text);
  const [broken] = document.errors;
  return broken === undefined ? plainValue(document) : err(broken.message.split('\n')[0] ?? 'not YAML');
}

/** A peer document has no use for aliases, which can grow a small file without bound. */
function plainValue(document: Document): Result<unknown, string> {
  try {
    return ok(document.toJS({ maxAliasCount: 0 }));
  } catch (error) {
    return err(error instanceof Error ? error.message : 'cannot be read');
  }
}
