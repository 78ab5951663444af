// Traffic over the agent's HTTP API: a stream of events that lasts as long as its reader, the last events, and the counters.

import type { Clock } from '../../runtime/clock.ts';
import type { HttpRequest, Route } from '../../runtime/http.ts';
import { fitsFilter, type TrafficFilter } from './document.ts';
import type { Observation } from './observation.ts';

/**
 * A reader whose machine vanished never closes its connection, and would keep events on: every stream ends after this time,
 * and a reader that is still there asks again.
 */
const STREAM_MS_MAX = 10 * 60_000;

export function trafficRoutes(observation: Observation, clock: Clock): readonly Route[] {
  const get = (path: string, handle: Route['handle']): Route => ({ method: 'GET', path, handle });
  return [
    get('/v1/traffic', ({ query }) => {
      const filter = filterOf(query);
      const recent = observation.recent();
      return { json: { ...recent, events: recent.events.filter((event) => fitsFilter(event, filter)) } };
    }),
    get('/v1/traffic/counters', async () => ({ json: await observation.counters() })),
    get('/v1/traffic/events', ({ query }) => {
      const filter = filterOf(query);
      return {
        events: (send, signal) => {
          const stop = observation.observe({
            refusedOnly: filter.refused,
            events: (events) => {
              for (const event of events) if (fitsFilter(event, filter)) send('traffic', event);
            },
            missed: (missed) => send('missed', missed),
          });
          send('listening', {});
          const cancel = clock.after(STREAM_MS_MAX, () => {
            stop();
            send('end', {});
          });
          signal.addEventListener('abort', () => {
            cancel();
            stop();
          });
        },
      };
    }),
  ];
}

function filterOf(query: HttpRequest['query']): TrafficFilter {
  const service = query.get('service');
  const cluster = query.get('cluster');
  return {
    ...(service === null ? {} : { service }),
    ...(cluster === null ? {} : { cluster }),
    refused: query.get('refused') === 'true',
  };
}
