// The HTTP API of the exchange of authorities: what stands, for people and for `trust rotate-ca`. It changes nothing.

import type { Route } from '../../runtime/http.ts';
import type { TrustDocument } from './trust-document.ts';

export const trustRoutes = (document: () => TrustDocument): readonly Route[] => [
  { method: 'GET', path: '/v1/trust', handle: () => ({ json: document() }) },
];
