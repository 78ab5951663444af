// A peer in the format of Cilium's own config directory (`--clustermesh-config`), as Cilium's chart and CLI write it: the file's name is
// the cluster's, its content the configuration of an etcd client. So the Secret of a Cilium cluster can be mounted as it is.

import { isIP } from 'node:net';
import { basename, dirname, isAbsolute, resolve } from 'node:path';
import { z } from 'zod';
import { doorDnsName } from '../../mesh/model/certificate-names.ts';
import { parseClusterName } from '../../mesh/model/names.ts';
import { err, ok, type Result } from '../../mesh/model/result.ts';
import { type PeerSpec, readYaml } from './peer-spec.ts';

const schema = z.object({
  endpoints: z.array(z.url({ protocol: /^https$/ })).min(1),
  'trusted-ca-file': z.string(),
  'cert-file': z.string().optional(),
  'key-file': z.string().optional(),
  /** Names that no resolver knows, with their addresses. */
  'cilium-host-aliases': z.array(z.object({ hostname: z.string(), ips: z.array(z.string()) })).optional(),
});

/** The directory holds certificates too, whose names all have a dot. */
export const isCiliumConfigName = (fileName: string): boolean => parseClusterName(fileName).ok;

/** A file is a peer's when it says `endpoints:`, as Cilium itself decides. */
export const isCiliumConfigText = (text: string): boolean => /^\s*["']?endpoints["']?\s*:/m.test(text);

export function parseCiliumConfig(path: string, text: string): Result<PeerSpec, string> {
  const value = readYaml(text);
  if (!value.ok) return value;
  const parsed = schema.safeParse(value.value);
  if (!parsed.success) {
    return err(parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'file'}: ${message}`).join('; '));
  }
  const name = parseClusterName(basename(path));
  if (!name.ok) return err(`the file's name is the cluster's: ${name.error}`);
  const { endpoints, 'trusted-ca-file': ca, 'cert-file': cert, 'key-file': key } = parsed.data;
  if ((cert === undefined) !== (key === undefined)) return err('cert-file and key-file belong together');
  const aliases = new Map(parsed.data['cilium-host-aliases']?.map(({ hostname, ips }) => [hostname, ips]));
  const absolute = (file: string) => (isAbsolute(file) ? file : resolve(dirname(path), file));
  const named = endpoints.map((endpoint) => new URL(endpoint).hostname).find((host) => isIP(unbracketed(host)) === 0);
  return ok({
    name: name.value,
    endpoints: endpoints.flatMap((endpoint) => dialled(endpoint, aliases)),
    ca: [absolute(ca)],
    // As an etcd client does: the name that is dialled is the name that is expected.
    serverName: named ?? doorDnsName(name.value),
    ...(cert === undefined || key === undefined ? {} : { client: { cert: absolute(cert), key: absolute(key) } }),
  });
}

const unbracketed = (host: string): string => host.replace(/^\[(.*)\]$/, '$1');

/** An aliased name is dialled at its addresses. */
function dialled(endpoint: string, aliases: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const url = new URL(endpoint);
  const addresses = aliases.get(url.hostname)?.filter((address) => isIP(address) !== 0) ?? [];
  if (addresses.length === 0) return [endpoint];
  const port = url.port === '' ? '443' : url.port;
  return addresses.map((address) => `https://${isIP(address) === 6 ? `[${address}]` : address}:${port}`);
}
