/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * From the service that a socket dials to a backend. An address that is no service's is left alone; a service that has no
 * backend to offer rejects the call at once.
 */
#ifndef CLUSTERMESH_FORWARD_H
#define CLUSTERMESH_FORWARD_H

#include "backends.h"
#include "connected.h"
#include "endpoint.h"
#include "reverse_sk.h"
#include "select.h"
#include "traffic.h"

static __always_inline int select_backend4(struct bpf_sock_addr *ctx, struct service4_key *key, bool first_try,
					   struct selection *selection, struct endpoint4 *backend)
{
	struct affinity4_key affinity_key = {};
	struct affinity_place affinity = {
		.rows = &cm4_affinity,
		.rows_before = &cm4_aff_before,
		.key = &affinity_key,
		.client = &affinity_key.client,
		.rev_nat_id = &affinity_key.rev_nat_id,
		.client_kind = &affinity_key.client_kind,
	};
	int verdict = select_backend_id(ctx, &cm4_services, key, &key->slot, affinity, first_try, selection);
	struct backend_key backend_key = { .backend_id = selection->backend_id };
	const struct backend4 *found;

	if (verdict != REDIRECTED)
		return verdict;
	found = bpf_map_lookup_elem(&cm4_backends, &backend_key);
	if (!found)
		return -EHOSTUNREACH;
	backend->address = found->address;
	backend->port = found->port;
	selection->cluster_id = found->cluster_id;
	selection->cause = CAUSE_NONE;
	return REDIRECTED;
}

static __always_inline int select_backend6(struct bpf_sock_addr *ctx, struct service6_key *key, bool first_try,
					   struct selection *selection, struct endpoint6 *backend)
{
	struct affinity6_key affinity_key = {};
	struct affinity_place affinity = {
		.rows = &cm6_affinity,
		.rows_before = &cm6_aff_before,
		.key = &affinity_key,
		.client = affinity_key.client,
		.rev_nat_id = &affinity_key.rev_nat_id,
		.client_kind = &affinity_key.client_kind,
	};
	int verdict = select_backend_id(ctx, &cm6_services, key, &key->slot, affinity, first_try, selection);
	struct backend_key backend_key = { .backend_id = selection->backend_id };
	const struct backend6 *found;

	if (verdict != REDIRECTED)
		return verdict;
	found = bpf_map_lookup_elem(&cm6_backends, &backend_key);
	if (!found)
		return -EHOSTUNREACH;
	copy_address6(backend->address, found->address);
	backend->port = found->port;
	selection->cluster_id = found->cluster_id;
	selection->cause = CAUSE_NONE;
	return REDIRECTED;
}

/* Most datagrams of a socket go where the last one went: then there is nothing to write. */
static __always_inline int remember4(__u64 cookie, struct endpoint4 service, __be16 rev_nat_id, struct endpoint4 backend)
{
	struct reverse_sk4_key key = { .cookie = cookie, .address = backend.address, .port = backend.port };
	struct reverse_sk4 value = { .address = service.address, .port = service.port, .rev_nat_id = rev_nat_id };
	const struct reverse_sk4 *known = bpf_map_lookup_elem(&cm4_reverse_sk, &key);

	if (known && known->address == value.address && known->port == value.port &&
	    known->rev_nat_id == value.rev_nat_id)
		return 0;
	return bpf_map_update_elem(&cm4_reverse_sk, &key, &value, BPF_ANY) ? -ENOMEM : 0;
}

static __always_inline int remember6(__u64 cookie, const struct endpoint6 *service, __be16 rev_nat_id,
				     const struct endpoint6 *backend)
{
	struct reverse_sk6_key key = { .cookie = cookie, .port = backend->port };
	struct reverse_sk6 value = { .port = service->port, .rev_nat_id = rev_nat_id };
	const struct reverse_sk6 *known;

	copy_address6(key.address, backend->address);
	copy_address6(value.address, service->address);
	known = bpf_map_lookup_elem(&cm6_reverse_sk, &key);
	if (known && same_address6(known->address, value.address) && known->port == value.port &&
	    known->rev_nat_id == value.rev_nat_id)
		return 0;
	return bpf_map_update_elem(&cm6_reverse_sk, &key, &value, BPF_ANY) ? -ENOMEM : 0;
}

/* A socket that connects has one peer, one that sends without has any number of them. */
enum call { CONNECTS, SENDS };

static __always_inline int keep_dialled4(struct bpf_sock_addr *ctx, enum call call, struct endpoint4 service,
					 __be16 rev_nat_id, struct endpoint4 backend)
{
	struct connection connection = {
		.cookie = bpf_get_socket_cookie(ctx),
		.service_address = { service.address },
		.backend_address = { backend.address },
		.service_port = service.port,
		.backend_port = backend.port,
		.rev_nat_id = rev_nat_id,
		.family = 4,
	};

	if (call == CONNECTS && keep_connection(&connection))
		return 0;
	return remember4(connection.cookie, service, rev_nat_id, backend);
}

static __always_inline int keep_dialled6(struct bpf_sock_addr *ctx, enum call call, const struct endpoint6 *service,
					 __be16 rev_nat_id, const struct endpoint6 *backend)
{
	struct connection connection = {
		.cookie = bpf_get_socket_cookie(ctx),
		.service_port = service->port,
		.backend_port = backend->port,
		.rev_nat_id = rev_nat_id,
		.family = 6,
	};

	copy_address6(connection.service_address, service->address);
	copy_address6(connection.backend_address, backend->address);
	if (call == CONNECTS && keep_connection(&connection))
		return 0;
	return remember6(connection.cookie, service, rev_nat_id, backend);
}

/* Puts a backend into `endpoint` where it is REDIRECTED. */
static __always_inline int forward4(struct bpf_sock_addr *ctx, enum call call, struct endpoint4 *endpoint)
{
	struct service4_key key = {
		.address = endpoint->address,
		.port = endpoint->port,
		.slot = MASTER_SLOT,
		.protocol = (__u8)ctx->protocol,
	};
	struct selection selection = {};
	struct endpoint4 backend = {};
	int verdict = LEFT_ALONE;
	int failure;

	if (!is_balanced(ctx))
		return LEFT_ALONE;

#pragma unroll
	for (int attempt = 0; attempt < SELECT_TRIES; attempt++) {
		verdict = select_backend4(ctx, &key, attempt == 0, &selection, &backend);
		if (verdict != -EHOSTUNREACH)
			break;
	}
	if (verdict == LEFT_ALONE)
		return verdict;
	if (verdict == REDIRECTED) {
		failure = keep_dialled4(ctx, call, *endpoint, selection.rev_nat_id, backend);
		if (failure) {
			selection.cause = CAUSE_NO_MEMORY;
			verdict = failure;
		}
	}
	tell4(ctx, &selection, endpoint, &backend);
	if (verdict != REDIRECTED)
		return verdict;
	*endpoint = backend;
	return REDIRECTED;
}

/* The same for IPv6. */
static __always_inline int forward6(struct bpf_sock_addr *ctx, enum call call, struct endpoint6 *endpoint)
{
	struct service6_key key = {
		.port = endpoint->port,
		.slot = MASTER_SLOT,
		.protocol = (__u8)ctx->protocol,
	};
	struct selection selection = {};
	struct endpoint6 backend = {};
	int verdict = LEFT_ALONE;
	int failure;

	if (!is_balanced(ctx))
		return LEFT_ALONE;
	copy_address6(key.address, endpoint->address);

#pragma unroll
	for (int attempt = 0; attempt < SELECT_TRIES; attempt++) {
		verdict = select_backend6(ctx, &key, attempt == 0, &selection, &backend);
		if (verdict != -EHOSTUNREACH)
			break;
	}
	if (verdict == LEFT_ALONE)
		return verdict;
	if (verdict == REDIRECTED) {
		failure = keep_dialled6(ctx, call, endpoint, selection.rev_nat_id, &backend);
		if (failure) {
			selection.cause = CAUSE_NO_MEMORY;
			verdict = failure;
		}
	}
	tell6(ctx, &selection, endpoint, &backend);
	if (verdict != REDIRECTED)
		return verdict;
	*endpoint = backend;
	return REDIRECTED;
}

#endif
