/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The address and port of a socket call, read from and written to the kernel's context: IPv4, IPv4 mapped into IPv6, or IPv6. */
#ifndef CLUSTERMESH_ENDPOINT_H
#define CLUSTERMESH_ENDPOINT_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct endpoint4 {
	__be32 address;
	__be16 port;
};

static __always_inline struct endpoint4 endpoint4_of(const struct bpf_sock_addr *ctx)
{
	return (struct endpoint4){ .address = ctx->user_ip4, .port = (__be16)ctx->user_port };
}

static __always_inline void set_endpoint4(struct bpf_sock_addr *ctx, struct endpoint4 endpoint)
{
	ctx->user_ip4 = endpoint.address;
	ctx->user_port = endpoint.port;
}

/* ::ffff:a.b.c.d: what a socket for both families dials to reach an IPv4 address. */
static __always_inline bool is_mapped4(const struct bpf_sock_addr *ctx)
{
	return ctx->user_ip6[0] == 0 && ctx->user_ip6[1] == 0 && ctx->user_ip6[2] == bpf_htonl(0xffff);
}

static __always_inline struct endpoint4 mapped4_of(const struct bpf_sock_addr *ctx)
{
	return (struct endpoint4){ .address = ctx->user_ip6[3], .port = (__be16)ctx->user_port };
}

static __always_inline void set_mapped4(struct bpf_sock_addr *ctx, struct endpoint4 endpoint)
{
	ctx->user_ip6[3] = endpoint.address;
	ctx->user_port = endpoint.port;
}

struct endpoint6 {
	__be32 address[4];
	__be16 port;
};

static __always_inline void copy_address6(__be32 *to, const __be32 *from)
{
	to[0] = from[0];
	to[1] = from[1];
	to[2] = from[2];
	to[3] = from[3];
}

static __always_inline bool same_address6(const __be32 *a, const __be32 *b)
{
	return a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] == b[3];
}

static __always_inline struct endpoint6 endpoint6_of(const struct bpf_sock_addr *ctx)
{
	return (struct endpoint6){
		.address = { ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3] },
		.port = (__be16)ctx->user_port,
	};
}

static __always_inline void set_endpoint6(struct bpf_sock_addr *ctx, const struct endpoint6 *endpoint)
{
	ctx->user_ip6[0] = endpoint->address[0];
	ctx->user_ip6[1] = endpoint->address[1];
	ctx->user_ip6[2] = endpoint->address[2];
	ctx->user_ip6[3] = endpoint->address[3];
	ctx->user_port = endpoint->port;
}

#endif
