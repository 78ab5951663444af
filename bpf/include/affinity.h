/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Session affinity: which backend of a service a client was last sent to, and when. A client is a network namespace: a pod, or
 * the node itself. Only programs write the rows. Nobody has to take them away when a backend goes: a row counts only while one
 * of the service's slots for new connections leads to its backend, so the slots alone say what is true. The oldest
 * rows make room when the map is full: their clients may then be sent elsewhere.
 */
#ifndef CLUSTERMESH_AFFINITY_H
#define CLUSTERMESH_AFFINITY_H

#include <stdbool.h>
#include "services.h"

/* In a master's flags: the service has an affinity, and its timeout in seconds is in the low 24 bits of `backend_id`. */
#define SERVICE_FLAG_AFFINITY 0x10
#define AFFINITY_TIMEOUT_MASK 0x00ffffff
/* In a row's key: the client is a network namespace's cookie, not an address. */
#define AFFINITY_BY_NETNS 0x01

#define NANOSECONDS_PER_SECOND 1000000000ULL

/*
 * A backend whose slot was given up for a lower one is looked for in this many slots. The reconciler moves a backend only when its
 * slot is beyond a lowered count; a client of a larger service may then get another backend early. A verifier walks
 * through every slot: 128 of them make loading all programs take 55 ms instead of 10 ms.
 */
#define AFFINITY_SLOTS_SEARCHED 128

struct affinity4_key {
	__u64 client;
	__be16 rev_nat_id;
	__u8 client_kind;
	__u8 pad1;
	__u32 pad2;
};
ASSERT_SIZE(struct affinity4_key, 16);

struct affinity6_key {
	/* The cookie, then zeros. */
	__u64 client[2];
	__be16 rev_nat_id;
	__u8 client_kind;
	__u8 pad1;
	__u32 pad2;
};
ASSERT_SIZE(struct affinity6_key, 24);

/* The same for both families. */
struct affinity {
	/* Seconds since the machine started. */
	__u64 last_used;
	__u32 backend_id;
	/* Where that backend was then: the first place to look. Padding to Cilium. */
	__u32 slot;
};
ASSERT_SIZE(struct affinity, 16);

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct affinity4_key);
	__type(value, struct affinity);
	__uint(max_entries, ENTRIES_DEFAULT);
} cm4_affinity SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct affinity6_key);
	__type(value, struct affinity);
	__uint(max_entries, ENTRIES_DEFAULT);
} cm6_affinity SEC(".maps");

/* See rows_move. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct affinity4_key);
	__type(value, struct affinity);
	__uint(max_entries, ENTRIES_DEFAULT);
} cm4_aff_before SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct affinity6_key);
	__type(value, struct affinity);
	__uint(max_entries, ENTRIES_DEFAULT);
} cm6_aff_before SEC(".maps");

/* Where one family keeps the row of a client and a service: a map, a zeroed key, and the places of both in that key. */
struct affinity_place {
	void *rows;
	void *rows_before;
	void *key;
	__u64 *client;
	__be16 *rev_nat_id;
	__u8 *client_kind;
};

/* The helper is as old as links to cgroups, 5.7, without which nothing here is attached. */
static __always_inline void name_client(struct bpf_sock_addr *ctx, struct affinity_place place, __be16 rev_nat_id)
{
	*place.client = bpf_get_netns_cookie(ctx);
	*place.rev_nat_id = rev_nat_id;
	*place.client_kind = AFFINITY_BY_NETNS;
}

/* 0: none. */
static __always_inline __u32 affinity_timeout(const struct service *master)
{
	return master->flags & SERVICE_FLAG_AFFINITY ? master->backend_id & AFFINITY_TIMEOUT_MASK : 0;
}

static __always_inline __u64 now_seconds(void)
{
	return bpf_ktime_get_ns() / NANOSECONDS_PER_SECOND;
}

/* `key` is a key in `services`, and `slot` is where it says which slot. */
static __always_inline bool leads_to(void *services, void *key, __u16 *slot, __u16 at, __u32 backend_id,
				     __be16 rev_nat_id)
{
	const struct service *row;

	*slot = at;
	row = bpf_map_lookup_elem(services, key);
	*slot = MASTER_SLOT;
	return row && row->backend_id == backend_id && row->rev_nat_id == rev_nat_id;
}

/*
 * Whether this client is to stay with a backend; `kept` then is its slot. Time is counted in whole seconds, and in the client's
 * favour: it stays for the timeout at least, and less than a second longer. The answer is apart from the slot so that the verifier
 * takes all slots for one: it follows the way behind the search once, not once for each slot.
 */
static __always_inline bool is_kept(struct affinity_place place, __u32 timeout, void *services, void *key, __u16 *slot,
				    __u16 count, __be16 rev_nat_id, __u16 *kept)
{
	const struct affinity *known = bpf_map_lookup_elem(place.rows, place.key);
	struct affinity row;

	if (rows_move && !known)
		known = bpf_map_lookup_elem(place.rows_before, place.key);
	if (!known)
		return false;
	row = *known;
	if (now_seconds() - row.last_used > timeout)
		return false;
	*kept = (__u16)row.slot;
	if (row.slot > 0 && row.slot <= count && leads_to(services, key, slot, *kept, row.backend_id, rev_nat_id))
		return true;
	for (__u32 at = 1; at <= AFFINITY_SLOTS_SEARCHED; at++) {
		if (at > count)
			break;
		*kept = (__u16)at;
		if (leads_to(services, key, slot, *kept, row.backend_id, rev_nat_id))
			return true;
	}
	return false;
}

/* Most packets of a UDP socket come within the second of the last: then there is nothing to write. */
static __always_inline void keep_slot(struct affinity_place place, __u32 backend_id, __u16 slot)
{
	struct affinity row = { .last_used = now_seconds(), .backend_id = backend_id, .slot = slot };
	const struct affinity *known = bpf_map_lookup_elem(place.rows, place.key);

	if (known && known->last_used == row.last_used && known->backend_id == row.backend_id && known->slot == row.slot)
		return;
	bpf_map_update_elem(place.rows, place.key, &row, BPF_ANY);
}

#endif
