/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Services and their slots. Slot 0 is the master: it says how many slots there are. Slots 1 to count each name a backend that
 * takes new connections; slots count + 1 to count + qcount name those that only keep the connections they have.
 */
#ifndef CLUSTERMESH_SERVICES_H
#define CLUSTERMESH_SERVICES_H

#include "layout.h"

#define MASTER_SLOT 0

struct service4_key {
	__be32 address;
	__be16 port;
	__u16 slot;
	__u8 protocol;
	__u8 scope;
	__u8 pad[2];
};
ASSERT_SIZE(struct service4_key, 12);

struct service6_key {
	__be32 address[4];
	__be16 port;
	__u16 slot;
	__u8 protocol;
	__u8 scope;
	__u8 pad[2];
};
ASSERT_SIZE(struct service6_key, 24);

/* The same for both families. */
struct service {
	/* In a slot. A master has 0, or its affinity timeout. */
	__u32 backend_id;
	/* In a master, like qcount. */
	__u16 count;
	/* Of the service, in master and slots alike. */
	__be16 rev_nat_id;
	__u8 flags;
	__u8 flags2;
	__u16 qcount;
};
ASSERT_SIZE(struct service, 12);

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct service4_key);
	__type(value, struct service);
	__uint(max_entries, ENTRIES_DEFAULT);
} cm4_services SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct service6_key);
	__type(value, struct service);
	__uint(max_entries, ENTRIES_DEFAULT);
} cm6_services SEC(".maps");

#endif
