// The agents of this cluster as the rules about kernels read them.

import type { NodeKernel } from '../../mesh/conflict/kernel.ts';
import type { AgentStatus } from '../rpc/agent-registry.ts';

export const kernelsOf = (agents: readonly AgentStatus[]): readonly NodeKernel[] =>
  agents.map(({ node, connected, position, lagMs, refused, refusedTotal }) => ({
    node,
    connected,
    revision: position?.revision,
    lagMs,
    refused,
    refusedTotal,
  }));
