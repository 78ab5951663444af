/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Backends by id. Slots of any number of services name one backend; an id is not reused while anything may name it. Both families
 * share one range of ids: no id is in both maps.
 */
#ifndef CLUSTERMESH_BACKENDS_H
#define CLUSTERMESH_BACKENDS_H

#include "layout.h"

struct backend_key {
	__u32 backend_id;
};
ASSERT_SIZE(struct backend_key, 4);

struct backend4 {
	__be32 address;
	__be16 port;
	__u8 protocol;
	/* 0 active, 1 terminating, 2 quarantined, 3 maintenance: for tools; programs go by the order of the slots. */
	__u8 state;
	__u16 cluster_id;
	__u8 zone;
	__u8 pad;
};
ASSERT_SIZE(struct backend4, 12);

struct backend6 {
	__be32 address[4];
	__be16 port;
	__u8 protocol;
	__u8 state;
	__u16 cluster_id;
	__u8 zone;
	__u8 pad;
};
ASSERT_SIZE(struct backend6, 24);

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct backend_key);
	__type(value, struct backend4);
	__uint(max_entries, ENTRIES_DEFAULT);
} cm4_backends SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct backend_key);
	__type(value, struct backend6);
	__uint(max_entries, ENTRIES_DEFAULT);
} cm6_backends SEC(".maps");

#endif
