// Others on the node that lead connections to backends: programs at the hooks that ours use, and what is known to balance services.

import type { PreflightObserved } from '../observed.ts';
import { type CheckRow, PASSED, passed, unknown, type Verdict } from '../verdict.ts';

export const NEIGHBOUR_ROWS: readonly CheckRow[] = [
  { id: 'conflicts', title: 'no other program is attached to the hooks', judge: judgeOthers },
  {
    id: 'cilium',
    title: 'Cilium does not balance the same services',
    judge: ({ ciliumPins, processes }) => {
      const found = [
        ...(processes.includes('cilium-agent') ? ['its agent runs here'] : []),
        ...(ciliumPins > 0 ? [`${ciliumPins} of its maps are pinned`] : []),
      ];
      if (found.length === 0) return PASSED;
      return unknown(
        `${found.join(', ')}: where its socket load balancer is on, whose program runs first decides`,
        'turn it off (socketLB.enabled=false, kubeProxyReplacement=false), or leave global services to it',
      );
    },
  },
  {
    id: 'kube-proxy',
    title: 'kube-proxy is not in the way',
    judge: ({ processes }) =>
      processes.includes('kube-proxy')
        ? passed('it runs here; a connection that is led to a backend here never meets its rules')
        : PASSED,
  },
];

function judgeOthers({ others }: PreflightObserved): Verdict {
  if (others === undefined)
    return unknown('no cgroup was named', 'name the one of the agent: --cgroup (datapath.cgroup)');
  if ('unknown' in others) return unknown(others.unknown, 'see bpftool cgroup tree');
  if (others.length === 0) return PASSED;
  const named = others.map(
    ({ cgroup, hook, name }) => `${name === '' ? 'a program without a name' : name} at ${hook} of ${cgroup}`,
  );
  return unknown(
    `${named.join(', ')}: harmless unless it balances the same services, as Cilium does`,
    'see bpftool cgroup tree, and detach what balances the same services',
  );
}
