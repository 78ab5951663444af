// The way to the sockets of a node. Only the agent's composition root, preflight and tests come through here; everything else
// speaks to the port in agent/sockets/.

export { KernelNodeSockets } from './node-sockets.ts';
export { tryDestroying } from './try-destroying.ts';
