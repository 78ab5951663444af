/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* From a service to the id of one of its backends: what both families have in common. */
#ifndef CLUSTERMESH_SELECT_H
#define CLUSTERMESH_SELECT_H

#include <linux/errno.h>
#include <linux/in.h>
#include "affinity.h"
#include "services.h"

/* A call that is not rejected is either left alone or redirected. Rejections are negative errno values. */
#define LEFT_ALONE 0
#define REDIRECTED 1

/*
 * A writer may lower the count and delete the last slot between our look at the master and our look at that slot. The second
 * try reads the new count.
 */
#define SELECT_TRIES 2

/* Why a call is refused. STABLE: agent/traffic/event.ts reads them. */
#define CAUSE_NONE 0
/* The service has none that takes new connections. */
#define CAUSE_NO_BACKENDS 1
/* A slot, or the backend that it names, is not there: the agent did not finish a change. */
#define CAUSE_NO_SLOT 2
/* There was no room to remember the socket. */
#define CAUSE_NO_MEMORY 3

struct selection {
	__u32 backend_id;
	__be16 rev_nat_id;
	__u16 cluster_id;
	/* Valid where the call is not left alone. */
	__u8 cause;
};

static __always_inline bool is_balanced(const struct bpf_sock_addr *ctx)
{
	return ctx->protocol == IPPROTO_TCP || ctx->protocol == IPPROTO_UDP;
}

/* Spreads connections at random, and keeps one UDP socket with one backend while the count stays. */
static __always_inline __u16 select_slot(struct bpf_sock_addr *ctx, __u16 count)
{
	__u32 number = ctx->protocol == IPPROTO_TCP ? bpf_get_prandom_u32() : (__u32)bpf_get_socket_cookie(ctx);

	return (__u16)(number % count) + 1;
}

/*
 * `key` is the master's in `services`, of either family, and `slot` is where that key says which slot. Values are copied out
 * before anything else: a row that is deleted meanwhile may be given to another key. A slot that then says another service's id is such
 * a row. Only the first try looks at the affinity: what leads nowhere is not tried again.
 */
static __always_inline int select_backend_id(struct bpf_sock_addr *ctx, void *services, void *key, __u16 *slot,
					     struct affinity_place affinity, bool first_try,
					     struct selection *selection)
{
	const struct service *row = bpf_map_lookup_elem(services, key);
	__u32 timeout;
	__u16 chosen;
	__u16 count;

	if (!row)
		return LEFT_ALONE;
	count = row->count;
	timeout = affinity_timeout(row);
	selection->rev_nat_id = row->rev_nat_id;
	selection->cause = CAUSE_NO_BACKENDS;
	if (count == 0)
		return -EHOSTUNREACH;
	selection->cause = CAUSE_NO_SLOT;

	if (timeout > 0)
		name_client(ctx, affinity, selection->rev_nat_id);
	if (timeout == 0 || !first_try ||
	    !is_kept(affinity, timeout, services, key, slot, count, selection->rev_nat_id, &chosen))
		chosen = select_slot(ctx, count);
	*slot = chosen;
	row = bpf_map_lookup_elem(services, key);
	*slot = MASTER_SLOT;
	if (!row)
		return -EHOSTUNREACH;
	selection->backend_id = row->backend_id;
	if (row->rev_nat_id != selection->rev_nat_id)
		return -EHOSTUNREACH;
	if (timeout > 0)
		keep_slot(affinity, selection->backend_id, chosen);
	return REDIRECTED;
}

#endif
