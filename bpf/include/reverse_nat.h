/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The frontend of each service id. A load balancer on sockets does not read it; the agent writes it for tools, and for the day
 * that packets are translated too. Both families share one range of ids.
 */
#ifndef CLUSTERMESH_REVERSE_NAT_H
#define CLUSTERMESH_REVERSE_NAT_H

#include "layout.h"

struct reverse_nat_key {
	__be16 rev_nat_id;
};
ASSERT_SIZE(struct reverse_nat_key, 2);

struct reverse_nat4 {
	__be32 address;
	__be16 port;
} __attribute__((packed));
ASSERT_SIZE(struct reverse_nat4, 6);

struct reverse_nat6 {
	__be32 address[4];
	__be16 port;
} __attribute__((packed));
ASSERT_SIZE(struct reverse_nat6, 18);

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct reverse_nat_key);
	__type(value, struct reverse_nat4);
	__uint(max_entries, ENTRIES_DEFAULT);
} cm4_reverse_nat SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct reverse_nat_key);
	__type(value, struct reverse_nat6);
	__uint(max_entries, ENTRIES_DEFAULT);
} cm6_reverse_nat SEC(".maps");

#endif
