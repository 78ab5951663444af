// The configuration of a node's agent: its schema and defaults. What it says of itself is on loopback unless told otherwise.

import { z } from 'zod';
import { ADDRESS_STREAM, TOLD_CERTIFICATES } from '../mesh/wire/mesh-method.ts';
import { httpListen, staysOnThisMachine } from '../runtime/http-reach.ts';

/** Cilium's default for each of these maps. */
const MAP_ENTRIES_DEFAULT = 65_536;
/** Cilium's default at the least; it takes more on machines with much memory. */
const REVERSE_SOCKETS_DEFAULT = 262_144;
/** Cilium's. */
const IPCACHE_DEFAULT = 512_000;
/** The kernel allocates up front: sixteen million rows are 1.5 GB, and no node has as many backends. */
const MAP_ENTRIES_MAX = 16_777_216;
/** Ids of services have 16 bits, 0 and 0xffff mean none. */
const REVERSE_NAT_ENTRIES_MAX = 65_536;

const path = z.string().min(1);
const entries = (max: number, normal = MAP_ENTRIES_DEFAULT) => z.number().int().min(1).max(max).default(normal);

export const agentConfigSchema = z.strictObject({
  node: z.strictObject({
    /** As the API server shows it; one agent per name. */
    name: z.string().min(1).max(253),
  }),
  cluster: z.strictObject({ name: z.string().min(1).max(32) }),
  /** Mesh API servers of the own cluster, `host:port`; any one will do. */
  servers: z.array(z.string().min(1)).min(1),
  tls: z.strictObject({ ca: z.array(path).min(1), cert: path, key: path }),
  datapath: z
    .strictObject({
      /** `memory` runs everything but forwards no packet. */
      kind: z.enum(['ebpf', 'memory']).default('ebpf'),
      /** A folder on a bpffs: maps and links pinned there outlive the agent. */
      pinDir: path.default('/sys/fs/bpf/clustermesh'),
      /** The cgroup v2 folder whose processes get the services: the mount's root for a whole node. */
      cgroup: path.default('/sys/fs/cgroup'),
      /** Entries per map; those with a 6 are for IPv6. With another size the next start makes the map anew with the rows it has. */
      sizes: z
        .strictObject({
          services: entries(MAP_ENTRIES_MAX),
          backends: entries(MAP_ENTRIES_MAX),
          reverseNat: entries(REVERSE_NAT_ENTRIES_MAX),
          services6: entries(MAP_ENTRIES_MAX),
          backends6: entries(MAP_ENTRIES_MAX),
          reverseNat6: entries(REVERSE_NAT_ENTRIES_MAX),
          /** Sockets whose service is remembered; the oldest are forgotten when there are more. */
          reverseSockets: entries(MAP_ENTRIES_MAX, REVERSE_SOCKETS_DEFAULT),
          reverseSockets6: entries(MAP_ENTRIES_MAX, REVERSE_SOCKETS_DEFAULT),
          /** Pairs of a client and a service with session affinity; the oldest are forgotten when there are more. */
          affinity: entries(MAP_ENTRIES_MAX),
          affinity6: entries(MAP_ENTRIES_MAX),
          /** Addresses of peers' pods, of both families. */
          ipcache: entries(MAP_ENTRIES_MAX, IPCACHE_DEFAULT),
        })
        .prefault({}),
      /**
       * Sockets connected to a backend that the service has no more are closed, so that their applications dial again: those
       * of UDP, which would not notice. Closing those of TCP too resets connections that may still be in use.
       */
      closeSockets: z
        .strictObject({
          udp: z.boolean().default(true),
          tcp: z.boolean().default(false),
        })
        .prefault({}),
      /** Keeps whose the addresses of peers' pods are; `false` leaves the map as it is, and costs nothing. */
      ipcache: z.boolean().default(true),
      /** Events of translations and refusals: told while somebody runs `clustermesh observe`. */
      observe: z
        .strictObject({
          /** Tells them all the time, and keeps the last thousand. */
          always: z.boolean().default(false),
          /** One translation in so many; refusals are all told. */
          sampleEvery: z.number().int().min(1).max(1_000_000).default(1),
          /** Events of one CPU in a second; a hundred CPUs fill the ring at the default. */
          perSecond: z.number().int().min(1).max(100_000).default(1_000),
        })
        .prefault({}),
    })
    .prefault({}),
  http: z
    .strictObject({
      /** `host:port` or `unix:/path`. */
      listen: httpListen.default('127.0.0.1:9881'),
      /** Answers other machines: there is no TLS. */
      plain: z.boolean().optional(),
    })
    .check(staysOnThisMachine(''))
    .prefault({}),
  /** Capabilities to do without, as a version that does not have them. */
  withhold: z.array(z.enum([ADDRESS_STREAM, TOLD_CERTIFICATES])).default([]),
  log: z.strictObject({ level: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info') }).prefault({}),
});

export type AgentConfig = z.infer<typeof agentConfigSchema>;
