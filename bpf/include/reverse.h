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
	const struct reverse_sk4 *known = bpf_map_lookup_elem(&cm4_reverse_sk, &key);
	const struct service4 *master;
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

#endif
