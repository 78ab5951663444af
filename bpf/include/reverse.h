/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* From a backend back to the service that the socket dialled, as far as that is still true. */
#ifndef CLUSTERMESH_REVERSE_H
#define CLUSTERMESH_REVERSE_H

#include "endpoint.h"
#include "reverse_sk.h"
#include "services.h"

/*
 * A row whose service is gone, or whose id is another service's now, will never be true again and goes too. A service without
 * backends may get some: its rows stay, and are not used meanwhile.
 */
static __always_inline bool reverse4(struct bpf_sock_addr *ctx, struct endpoint4 *endpoint)
{
	struct reverse_sk4_key key = {
		.cookie = bpf_get_socket_cookie(ctx),
		.address = endpoint->address,
		.port = endpoint->port,
	};
	const struct reverse_sk4 *known = reverse_sk4_of(&key);
	const struct service *master;
	struct reverse_sk4 row;

	if (!known)
		return false;
	row = *known;

	struct service4_key service = {
		.address = row.address,
		.port = row.port,
		.slot = MASTER_SLOT,
		.protocol = (__u8)ctx->protocol,
	};
	master = bpf_map_lookup_elem(&cm4_services, &service);
	if (!master || master->rev_nat_id != row.rev_nat_id) {
		bpf_map_delete_elem(&cm4_reverse_sk, &key);
		return false;
	}
	if (master->count == 0)
		return false;
	endpoint->address = row.address;
	endpoint->port = row.port;
	return true;
}

/* The same for IPv6. */
static __always_inline bool reverse6(struct bpf_sock_addr *ctx, struct endpoint6 *endpoint)
{
	struct reverse_sk6_key key = { .cookie = bpf_get_socket_cookie(ctx), .port = endpoint->port };
	struct service6_key service = { .slot = MASTER_SLOT, .protocol = (__u8)ctx->protocol };
	const struct reverse_sk6 *known;
	const struct service *master;
	__be16 rev_nat_id;

	copy_address6(key.address, endpoint->address);
	known = reverse_sk6_of(&key);
	if (!known)
		return false;
	copy_address6(service.address, known->address);
	service.port = known->port;
	rev_nat_id = known->rev_nat_id;

	master = bpf_map_lookup_elem(&cm6_services, &service);
	if (!master || master->rev_nat_id != rev_nat_id) {
		bpf_map_delete_elem(&cm6_reverse_sk, &key);
		return false;
	}
	if (master->count == 0)
		return false;
	copy_address6(endpoint->address, service.address);
	endpoint->port = service.port;
	return true;
}

#endif
