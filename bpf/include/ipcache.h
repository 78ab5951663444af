/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Whose an address is: the identity, the cluster and the node of every address of a peer's pods, by the longest prefix. The socket
 * programs do not ask: they know a backend's cluster from its own row. It is for who sees packets, for tools that read Cilium's
 * ipcache, and for the agent, which names the peers of a node with it. Tries allocate their rows when they come.
 */
#ifndef CLUSTERMESH_IPCACHE_H
#define CLUSTERMESH_IPCACHE_H

#include "layout.h"

struct ipcache_key {
	/* 32 bits up to the address, and those of the prefix. */
	__u32 prefix_length;
	/* Of addresses that several clusters may have; ours are one cluster's, and it is 0. */
	__u16 cluster_id;
	__u8 pad;
	/* 1 for IPv4, 2 for IPv6. */
	__u8 family;
	/* IPv4: the first word. */
	__be32 address[4];
};
ASSERT_SIZE(struct ipcache_key, 24);

struct ipcache {
	__u32 identity;
	/* The node; IPv4: the first word. */
	__be32 tunnel_endpoint[4];
	/* Of the owner. Padding to Cilium. */
	__u16 cluster_id;
	__u8 key;
	__u8 flags;
};
ASSERT_SIZE(struct ipcache, 24);

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ipcache_key);
	__type(value, struct ipcache);
	__uint(max_entries, ENTRIES_DEFAULT);
} cm_ipcache SEC(".maps");

#endif
