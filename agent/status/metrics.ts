// Prometheus metrics of an agent, read from the status document when they are scraped: there is no second bookkeeping that
// could disagree.

import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { MAP_NAMES, type ProgramMapUse } from '../maps/port.ts';
import type { TrafficCountersDocument } from '../traffic/document.ts';
import { totalsByService } from '../traffic/totals.ts';
import type { AgentStatusDocument } from './document.ts';
import { LOOK_MS } from './loop-delay.ts';

/** The exposition text, made anew at each call. */
export function createAgentMetrics(
  status: () => AgentStatusDocument,
  traffic: () => Promise<TrafficCountersDocument>,
  programMaps: () => Promise<readonly ProgramMapUse[]>,
  certificateEnd: () => number,
  loopDelay: () => number,
): () => Promise<string> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LOOK_MS });
  const gauge = (name: string, help: string, labelNames: readonly string[] = []) =>
    new Gauge({ name: `clustermesh_agent_${name}`, help, labelNames, registers: [registry] });
  const counter = (name: string, help: string, labelNames: readonly string[] = []) =>
    new Counter({ name: `clustermesh_agent_${name}`, help, labelNames, registers: [registry] });

  const connected = gauge('upstream_connected', '1 while an API server is followed');
  const ends = gauge('certificate_expiry_timestamp_seconds', 'when the own certificate in use ends', ['certificate']);
  const stale = gauge('upstream_stale_seconds', 'since no API server has been heard; 0 while connected');
  const wanted = gauge('snapshot_revision', 'etcd revision of the newest snapshot');
  const programmed = gauge('programmed_revision', 'etcd revision that the maps hold');
  const services = gauge('programmed_services', 'services in the maps');
  const backends = gauge('programmed_backends', 'backends in the maps that services lead to');
  const queue = gauge('queue_depth', 'what has changed and is not programmed yet', ['queue']);
  const refused = gauge('refused_services', 'services, or parts of them, that are not programmed', ['code']);
  const entries = gauge('map_entries', 'rows in a map', ['map']);
  const pressure = gauge('map_pressure', 'rows in a map, as a share of its size; an LRU map at 1 forgets its oldest', [
    'map',
  ]);
  const leftOut = gauge('addresses_left_out', 'addresses of peers that the ipcache has no room for');
  const turn = gauge('event_loop_longest_turn_seconds', 'for how long nothing else had a turn, since the last scrape');
  const duration = gauge('last_reconcile_seconds', 'from the last snapshot to its rows');
  const rows = counter('map_rows_total', 'rows written and removed', ['operation']);
  const failures = counter('map_failures_total', 'rows that a map did not take');
  const drift = counter('map_drift_rows_total', 'rows that somebody else had changed');
  const closed = counter('sockets_closed_total', 'sockets closed because their backend was withdrawn', ['protocol']);
  const unclosed = counter('socket_close_failures_total', 'such sockets that the kernel did not close');
  const namespaces = gauge('socket_namespaces', 'network namespaces of the last search for such sockets', ['reached']);
  const hidden = gauge('socket_hidden_processes', 'processes whose network namespace could not be found out');
  const translated = counter('service_translations_total', 'calls of applications led to a backend', ['service']);
  const rejected = counter('service_refusals_total', 'calls of applications refused', ['service', 'cause']);

  return async () => {
    const document = status();
    const totals = totalsByService(await traffic());
    const uses = await programMaps();
    refused.reset();
    for (const total of [rows, failures, drift, closed, unclosed, translated, rejected]) total.reset();
    connected.set(document.upstream.connected ? 1 : 0);
    ends.set({ certificate: 'agent' }, certificateEnd() / 1_000);
    stale.set((document.upstream.stale_ms ?? 0) / 1_000);
    wanted.set(document.snapshot.revision ?? 0);
    programmed.set(document.programmed.revision ?? 0);
    services.set(document.programmed.services);
    backends.set(document.programmed.backends);
    turn.set(loopDelay());
    duration.set((document.programmed.last_reconcile_micros ?? 0) / 1e6);
    for (const [name, depth] of Object.entries(document.waiting)) queue.set({ queue: name }, depth);
    for (const { code } of document.refused) refused.inc({ code });
    for (const map of MAP_NAMES) {
      const use = document.maps[map];
      entries.set({ map }, use.entries ?? 0);
      pressure.set({ map }, (use.entries ?? 0) / use.size);
    }
    const { addresses } = document;
    const ipcache = { map: 'ipcache', entries: addresses.entries ?? 0, size: addresses.size };
    leftOut.set(addresses.left_out);
    for (const use of [ipcache, ...uses]) {
      entries.set({ map: use.map }, use.entries);
      pressure.set({ map: use.map }, use.entries / use.size);
    }
    rows.inc({ operation: 'write' }, document.reconcile.rows_written + addresses.rows_written);
    rows.inc({ operation: 'remove' }, document.reconcile.rows_removed + addresses.rows_removed);
    failures.inc(document.reconcile.failures + addresses.failures);
    drift.inc(document.reconcile.drift + addresses.drift);
    for (const [protocol, count] of Object.entries(document.sockets.destroyed)) closed.inc({ protocol }, count);
    unclosed.inc(document.sockets.failed);
    namespaces.set({ reached: 'yes' }, document.sockets.namespaces - document.sockets.namespaces_unreachable);
    namespaces.set({ reached: 'no' }, document.sockets.namespaces_unreachable);
    hidden.set(document.sockets.hidden_processes);
    for (const [service, total] of totals) {
      translated.inc({ service }, total.translated);
      for (const [cause, count] of Object.entries(total.refused))
        if (count > 0) rejected.inc({ service, cause }, count);
    }
    return registry.metrics();
  };
}
