// The configuration of a mesh API server: its schema and defaults. Every listener but the door and rpc is on loopback unless
// told otherwise.

import { z } from 'zod';
import { CARD_LIMITS, type FreshnessLimits, PLAIN_LIMITS } from '../mesh/conflict/freshness.ts';
import { parsePrefix } from '../mesh/model/prefix.ts';
import { ENDPOINTS_MAX, isEndpoint } from '../pki/join/token.ts';
import { httpListen, staysOnThisMachine } from '../runtime/http-reach.ts';
import { WITHHOLDABLE } from './withheld.ts';

const files = z.array(z.string().min(1)).min(1);
const pair = { cert: z.string().min(1), key: z.string().min(1) };
const endpoint = z.string().refine(isEndpoint, { message: 'not of the form host:port or [ipv6]:port' });
const milliseconds = z.number().int().positive();

/** Host bits are let through: the range is read without them, and a finding says so to whoever runs a cluster that has them. */
const range = z.string().check((given) => {
  const parsed = parsePrefix(given.value);
  if (!parsed.ok)
    given.issues.push({ code: 'custom', message: `not an address range: ${parsed.error}`, input: given.value });
});

/** Silence of a peer, by age of its last heartbeat; see the freshness rules in docs/findings.md. */
const freshness = (limits: FreshnessLimits) =>
  z
    .strictObject({
      ageingMs: milliseconds.default(limits.ageingMs),
      staleMs: milliseconds.default(limits.staleMs),
      expiredMs: milliseconds.default(limits.expiredMs),
    })
    .refine((given) => given.ageingMs < given.staleMs && given.staleMs < given.expiredMs, {
      message: 'must grow: ageingMs < staleMs < expiredMs',
    })
    .prefault({});

export const apiServerConfigSchema = z.strictObject({
  cluster: z.strictObject({
    name: z.string().min(1).max(32),
    id: z.number().int().min(1).max(511),
    podCIDRs: z.array(range).min(1),
    serviceCIDRs: z.array(range).default([]),
    nodeCIDRs: z.array(range).default([]),
    maxConnectedClusters: z.union([z.literal(255), z.literal(511)]).default(255),
    datapath: z
      .strictObject({
        mode: z.enum(['tunnel', 'native']).default('native'),
        tunnelProtocol: z.string().optional(),
        tunnelPort: z.number().int().optional(),
        encryption: z.enum(['none', 'wireguard', 'ipsec']).default('none'),
      })
      .prefault({}),
    /** Whether services of namespaces without `clustermesh.cilium.io/global` may be global. */
    defaultGlobalNamespace: z.boolean().default(true),
  }),
  /** The cluster's own etcd, private to its API servers. */
  etcd: z.strictObject({
    endpoints: z.array(endpoint).min(1),
    tls: z.strictObject({ ca: files, ...pair }),
  }),
  sources: z.strictObject({
    /** A watched folder of Kubernetes objects in YAML. */
    manifests: z.string().min(1),
  }),
  peers: z
    .strictObject({
      /** A watched folder: one YAML file per peer {name, endpoints, ca, serverName?}, or Cilium's format. */
      folder: z.string().min(1).optional(),
      /** Where a join keeps the trust store of each peer: `<trust>/<peer>/ca.pem`. */
      trust: z.string().min(1).optional(),
      /** What this cluster shows at its peers' doors. */
      client: z.strictObject(pair).optional(),
      freshness: freshness(CARD_LIMITS),
      plainFreshness: freshness(PLAIN_LIMITS),
    })
    .refine((peers) => peers.folder === undefined || peers.client !== undefined, {
      message: 'a folder of peers needs the client certificate to show at their doors (peers.client)',
    })
    .prefault({}),
  door: z.strictObject({
    listen: z.string().default('0.0.0.0:2379'),
    /** `host:port` at which peers reach the door. @default the port of `listen` at the hosts of `join.advertise` */
    advertise: z.array(endpoint).min(1).max(16).optional(),
    /** `ca` vouches for this cluster's own clients; peers are checked against the store bound to each of them. */
    tls: z.strictObject({ ca: files, ...pair }),
  }),
  /** Where clusters that were invited come to join; off when absent. It shows the door's certificate. */
  join: z
    .strictObject({
      listen: z.string().default('0.0.0.0:2380'),
      /** `host:port` at which other clusters reach it. */
      advertise: z.array(endpoint).min(1).max(ENDPOINTS_MAX),
    })
    .optional(),
  rpc: z.strictObject({
    listen: z.string().default('0.0.0.0:9878'),
    tls: z.strictObject({ ca: files, ...pair }),
  }),
  http: z
    .strictObject({
      listen: httpListen.default('127.0.0.1:9880'),
      /** For every address but unix sockets; `ca` vouches for those who ask. */
      tls: z.strictObject({ ca: files, ...pair }).optional(),
      /** Answers other machines without TLS. */
      plain: z.boolean().optional(),
    })
    .check(staysOnThisMachine('give it certificates (http.tls), '))
    .prefault({}),
  /** Capabilities to do without, as a version that does not have them: neither offered nor used. */
  withhold: z.array(z.enum(WITHHOLDABLE)).default([]),
  log: z.strictObject({ level: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info') }).prefault({}),
});

export type ApiServerConfig = z.infer<typeof apiServerConfigSchema>;
