/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* From a backend back to the service that the socket dialled, as far as that is still true. */
#ifndef CLUSTERMESH_REVERSE_H
#define CLUSTERMESH_REVERSE_H

#include "connected.h"
#include "endpoint.h"
#include "reverse_sk.h"
#include "services.h"

/* The service that the socket dialled when it was led to this backend. `connected` says which of both kinds of rows tells it. */
static __always_inline bool dialled4(const struct reverse_sk4_key *key, struct reverse_sk4 *service, bool *connected)
{
	const struct reverse_sk4 *known;
	struct connection connection;

	*connected = connection_of(key->cookie, &connection) && connection.family == 4 &&
		     connection.backend_address[0] == key->address && connection.backend_port == key->port;
	if (*connected) {
		service->address = connection.service_address[0];
		service->port = connection.service_port;
		service->rev_nat_id = connection.rev_nat_id;
		return true;
	}
	known = reverse_sk4_of(key);
	if (known)
		*service = *known;
	return known;
}

static __always_inline bool dialled6(const struct reverse_sk6_key *key, struct reverse_sk6 *service, bool *connected)
{
	const struct reverse_sk6 *known;
	struct connection connection;

	*connected = connection_of(key->cookie, &connection) && connection.family == 6 &&
		     same_address6(connection.backend_address, key->address) && connection.backend_port == key->port;
	if (*connected) {
		copy_address6(service->address, connection.service_address);
		service->port = connection.service_port;
		service->rev_nat_id = connection.rev_nat_id;
		return true;
	}
	known = reverse_sk6_of(key);
	if (known)
		*service = *known;
	return known;
}

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
	struct service4_key service = { .slot = MASTER_SLOT, .protocol = (__u8)ctx->protocol };
	const struct service *master;
	struct reverse_sk4 row;
	bool connected;

	if (!dialled4(&key, &row, &connected))
		return false;
	service.address = row.address;
	service.port = row.port;
	master = bpf_map_lookup_elem(&cm4_services, &service);
	if (!master || master->rev_nat_id != row.rev_nat_id) {
		if (connected)
			forget_connection(key.cookie);
		else
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
	const struct service *master;
	struct reverse_sk6 row;
	bool connected;

	copy_address6(key.address, endpoint->address);
	if (!dialled6(&key, &row, &connected))
		return false;
	copy_address6(service.address, row.address);
	service.port = row.port;
	master = bpf_map_lookup_elem(&cm6_services, &service);
	if (!master || master->rev_nat_id != row.rev_nat_id) {
		if (connected)
			forget_connection(key.cookie);
		else
			bpf_map_delete_elem(&cm6_reverse_sk, &key);
		return false;
	}
	if (master->count == 0)
		return false;
	copy_address6(endpoint->address, row.address);
	endpoint->port = row.port;
	return true;
}

#endif
