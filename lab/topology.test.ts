import { describe, expect, test } from 'vitest';
import { planCluster, podAddress, serviceAddress } from './topology.ts';

const spec = {
  name: 'west',
  id: 1,
  podCIDRs: ['10.1.0.0/16'],
  serviceCIDRs: ['172.20.1.0/24'],
  nodeCIDR: '192.168.1.0/24',
  nodes: ['w1', 'w2'],
};

describe('the plan of a cluster', () => {
  test('gives every node an address and a slice of the pods', () => {
    const plan = planCluster(spec);
    expect(plan.controlAddress).toBe('192.168.1.10');
    expect(plan.nodes).toEqual([
      { name: 'w1', address: '192.168.1.11', podCIDR: '10.1.1.0/24' },
      { name: 'w2', address: '192.168.1.12', podCIDR: '10.1.2.0/24' },
    ]);
    expect(serviceAddress(plan, 0)).toBe('172.20.1.10');
    expect(plan.nodes.map((node) => podAddress(node, 1))).toEqual(['10.1.1.11', '10.1.2.11']);
  });

  test('refuses what does not fit', () => {
    expect(() => planCluster({ ...spec, podCIDRs: ['10.1.0.0/24'] })).toThrow(RangeError);
    expect(() => planCluster({ ...spec, podCIDRs: ['fd00::/48'] })).toThrow('IPv4');
    expect(() => planCluster({ ...spec, name: 'West' })).toThrow('cluster name West');
  });
});
