// Peers' addresses over the agent's HTTP API: all of them, and whose one address is.

import type { Route } from '../../runtime/http.ts';
import type { AgentAddresses } from './compose.ts';

export function addressRoutes(addresses: Pick<AgentAddresses, 'describe' | 'lookup'>): readonly Route[] {
  return [
    { method: 'GET', path: '/v1/maps/addresses', handle: async () => ({ json: await addresses.describe() }) },
    {
      method: 'GET',
      path: '/v1/maps/lookup',
      handle: ({ query }) => {
        const asked = query.get('address') ?? '';
        const found = addresses.lookup(asked);
        if (found !== undefined) return { json: found };
        const detail = `"${asked}" is no IP address`;
        return { problem: { status: 400, type: 'about:blank', title: 'Bad Request', detail } };
      },
    },
  ];
}
