/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * From the service that a socket dials to a backend. An address that is no service's is left alone; a service that has no
 * backend to offer rejects the call at once.
 */
#ifndef CLUSTERMESH_FORWARD_H
#define CLUSTERMESH_FORWARD_H

#include <linux/errno.h>
#include <linux/in.h>
#include "backends.h"
#include "endpoint.h"
#include "reverse_sk.h"
#include "services.h"

/* A call that is not rejected is either left alone or redirected. Rejections are negative errno values. */
#define LEFT_ALONE 0
#define REDIRECTED 1

/*
 * A writer may lower the count and delete the last slot between our look at the master and our look at that slot. The second
 * try reads the new count.
 */
#define SELECT_TRIES 2

/* Spreads connections at random, and keeps one UDP socket with one backend while the count stays. */
static __always_inline __u16 select_slot(struct bpf_sock_addr *ctx, __u16 count)
{
	__u32 number = ctx->protocol == IPPROTO_TCP ? bpf_get_prandom_u32() : (__u32)bpf_get_socket_cookie(ctx);

	return (__u16)(number % count) + 1;
}

/*
 * Values are copied out before anything else: a row that is deleted meanwhile may be given to another key. A slot that then
 * says another service's id is such a row.
 */
static __always_inline int select_backend(struct bpf_sock_addr *ctx, struct service4_key key, __be16 *rev_nat_id,
					  struct endpoint4 *backend)
{
	const struct service4 *master = bpf_map_lookup_elem(&cm4_services, &key);
	const struct service4 *slot;
	const struct backend4 *found;
	struct backend4_key backend_key;
	__u16 count;

	if (!master)
		return LEFT_ALONE;
	count = master->count;
	*rev_nat_id = master->rev_nat_id;
	if (count == 0)
		return -EHOSTUNREACH;

	key.slot = select_slot(ctx, count);
	slot = bpf_map_lookup_elem(&cm4_services, &key);
	if (!slot)
		return -EHOSTUNREACH;
	backend_key.backend_id = slot->backend_id;
	if (slot->rev_nat_id != *rev_nat_id)
		return -EHOSTUNREACH;

	found = bpf_map_lookup_elem(&cm4_backends, &backend_key);
	if (!found)
		return -EHOSTUNREACH;
	backend->address = found->address;
	backend->port = found->port;
	return REDIRECTED;
}

/* Most calls of a UDP socket go where the last one went: then there is nothing to write. */
static __always_inline int remember(struct bpf_sock_addr *ctx, struct endpoint4 service, __be16 rev_nat_id,
				    struct endpoint4 backend)
{
	struct reverse_sk4_key key = {
		.cookie = bpf_get_socket_cookie(ctx),
		.address = backend.address,
		.port = backend.port,
	};
	struct reverse_sk4 value = {
		.address = service.address,
		.port = service.port,
		.rev_nat_id = rev_nat_id,
	};
	const struct reverse_sk4 *known = bpf_map_lookup_elem(&cm4_reverse_sk, &key);

	if (known && known->address == value.address && known->port == value.port &&
	    known->rev_nat_id == value.rev_nat_id)
		return 0;
	return bpf_map_update_elem(&cm4_reverse_sk, &key, &value, BPF_ANY) ? -ENOMEM : 0;
}

/* Puts a backend into `endpoint` where it is REDIRECTED. */
static __always_inline int forward4(struct bpf_sock_addr *ctx, struct endpoint4 *endpoint)
{
	struct service4_key key = {
		.address = endpoint->address,
		.port = endpoint->port,
		.slot = MASTER_SLOT,
		.protocol = (__u8)ctx->protocol,
	};
	struct endpoint4 backend = {};
	__be16 rev_nat_id = 0;
	int verdict = LEFT_ALONE;
	int failure;

	if (ctx->protocol != IPPROTO_TCP && ctx->protocol != IPPROTO_UDP)
		return LEFT_ALONE;

#pragma unroll
	for (int attempt = 0; attempt < SELECT_TRIES; attempt++) {
		verdict = select_backend(ctx, key, &rev_nat_id, &backend);
		if (verdict != -EHOSTUNREACH)
			break;
	}
	if (verdict != REDIRECTED)
		return verdict;

	failure = remember(ctx, *endpoint, rev_nat_id, backend);
	if (failure)
		return failure;
	*endpoint = backend;
	return REDIRECTED;
}

#endif
