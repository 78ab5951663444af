// `/v1/peers/{name}/ladder`: looks now. It reads, but it knocks at the peer's door, and so answers this machine's own tools only.

import type { ClusterName } from '../../../mesh/model/names.ts';
import { parseClusterName } from '../../../mesh/model/names.ts';
import { OperationalError } from '../../../runtime/errors.ts';
import type { HttpAnswer, Problem, Route } from '../../../runtime/http.ts';
import { type ClimbDocument, ladderDocument } from './document.ts';

export interface LadderRouteDeps {
  readonly self: ClusterName;
  /** `undefined` where there is no such peer. */
  readonly climb: (peer: ClusterName) => Promise<ClimbDocument | undefined>;
}

export const ladderRoutes = ({ self, climb }: LadderRouteDeps): readonly Route[] => [
  {
    method: 'GET',
    path: '/v1/peers/{name}/ladder',
    local: true,
    async handle({ params }): Promise<HttpAnswer> {
      const peer = parseClusterName(params.name ?? '');
      if (!peer.ok) return { problem: problem(400, 'Bad request', peer.error) };
      try {
        const found = await climb(peer.value);
        if (found === undefined) {
          const hint = 'see `clustermesh peers`';
          return { problem: { ...problem(404, 'No such peer', `${peer.value} is no peer of ${self}`), hint } };
        }
        return { json: ladderDocument(self, peer.value, found) };
      } catch (error) {
        if (!(error instanceof OperationalError)) throw error;
        return { problem: problem(409, 'It cannot be looked at', error.message) };
      }
    },
  },
];

const problem = (status: number, title: string, detail: string): Problem => ({
  status,
  type: 'about:blank',
  title,
  detail,
});
