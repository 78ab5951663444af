// Addresses that mean something else on every host that uses them: loopback, link-local, multicast, broadcast, and none at all. Nobody
// owns one of them in a mesh, whatever ranges a cluster declares; as a backend it would lead clients to a port of their own node,
// or to the metadata service of their own cloud. Kubernetes refuses them as endpoints, too.

import type { Prefix } from './prefix.ts';

const LINK_LOCAL_V4 = 0xa9fe; // 169.254.0.0/16
const BROADCAST_V4 = 0xffff_ffff;
const LINK_LOCAL_V6 = 0xfe80 >>> 6; // fe80::/10
const MULTICAST_V6 = 0xff; // ff00::/8

/** Of single addresses; 240.0.0.0/4 is reserved, but in use for pods. */
export function isHostScoped({ family, a, b, c, d }: Prefix): boolean {
  if (family === 4) {
    const first = a >>> 24;
    const isMulticast = first >= 224 && first < 240;
    return first === 0 || first === 127 || isMulticast || a >>> 16 === LINK_LOCAL_V4 || a >>> 0 === BROADCAST_V4;
  }
  const isUnspecifiedOrLoopback = a === 0 && b === 0 && c === 0 && d >>> 0 <= 1;
  return isUnspecifiedOrLoopback || a >>> 22 === LINK_LOCAL_V6 || a >>> 24 === MULTICAST_V6;
}
