/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Which services a socket dialled, by the backends that it was sent to: of sockets that send without being connected, and of
 * connected ones that have no row in connected.h. Only programs write it. The oldest rows make room when it is full: their sockets
 * go on, but see the backend's address.
 */
#ifndef CLUSTERMESH_REVERSE_SK_H
#define CLUSTERMESH_REVERSE_SK_H

#include "layout.h"

struct reverse_sk4_key {
	__u64 cookie;
	/* Of the backend. */
	__be32 address;
	__be16 port;
	__u16 pad;
};
ASSERT_SIZE(struct reverse_sk4_key, 16);

struct reverse_sk4 {
	/* Of the service. */
	__be32 address;
	__be16 port;
	__be16 rev_nat_id;
};
ASSERT_SIZE(struct reverse_sk4, 8);

struct reverse_sk6_key {
	__u64 cookie;
	__be32 address[4];
	__be16 port;
	__u16 pad[3];
};
ASSERT_SIZE(struct reverse_sk6_key, 32);

struct reverse_sk6 {
	__be32 address[4];
	__be16 port;
	__be16 rev_nat_id;
};
ASSERT_SIZE(struct reverse_sk6, 20);

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct reverse_sk4_key);
	__type(value, struct reverse_sk4);
	__uint(max_entries, ENTRIES_DEFAULT);
} cm4_reverse_sk SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct reverse_sk6_key);
	__type(value, struct reverse_sk6);
	__uint(max_entries, ENTRIES_DEFAULT);
} cm6_reverse_sk SEC(".maps");

/* See rows_move. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct reverse_sk4_key);
	__type(value, struct reverse_sk4);
	__uint(max_entries, ENTRIES_DEFAULT);
} cm4_sk_before SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct reverse_sk6_key);
	__type(value, struct reverse_sk6);
	__uint(max_entries, ENTRIES_DEFAULT);
} cm6_sk_before SEC(".maps");

static __always_inline const struct reverse_sk4 *reverse_sk4_of(const struct reverse_sk4_key *key)
{
	const struct reverse_sk4 *known = bpf_map_lookup_elem(&cm4_reverse_sk, key);

	if (rows_move && !known)
		known = bpf_map_lookup_elem(&cm4_sk_before, key);
	return known;
}

static __always_inline const struct reverse_sk6 *reverse_sk6_of(const struct reverse_sk6_key *key)
{
	const struct reverse_sk6 *known = bpf_map_lookup_elem(&cm6_reverse_sk, key);

	if (rows_move && !known)
		known = bpf_map_lookup_elem(&cm6_sk_before, key);
	return known;
}

#endif
