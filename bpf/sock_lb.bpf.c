// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * The load balancer on sockets: an application that dials a service is connected to a backend, before there is a packet, and
 * sees the service's address as its peer. Attached to a cgroup; holds no state but its maps.
 *
 * A socket of the IPv6 family that dials ::ffff:a.b.c.d, which is IPv4, comes through connect6, recvmsg6 and getpeername6; its
 * sendmsg comes through sendmsg4.
 */
#include "include/connected.h"
#include "include/endpoint.h"
#include "include/forward.h"
#include "include/ipcache.h"
#include "include/reverse.h"
#include "include/reverse_nat.h"

/*
 * Set before the object is loaded, where the kernel lets these programs choose the errno of a rejection (6.1). Without, it is
 * EPERM. The verifier drops the branch that cannot be taken, and with it a helper that the kernel does not know.
 */
const volatile bool can_set_retval = false;

#define REJECT 0
#define PROCEED 1

static __always_inline int verdict_of(int forwarded)
{
	if (forwarded >= 0)
		return PROCEED;
	if (can_set_retval)
		bpf_set_retval(forwarded);
	return REJECT;
}

static __always_inline int forward_ipv4(struct bpf_sock_addr *ctx, enum call call)
{
	struct endpoint4 endpoint = endpoint4_of(ctx);
	int forwarded = forward4(ctx, call, &endpoint);

	if (forwarded == REDIRECTED)
		set_endpoint4(ctx, endpoint);
	return verdict_of(forwarded);
}

static __always_inline int reverse_ipv4(struct bpf_sock_addr *ctx)
{
	struct endpoint4 endpoint = endpoint4_of(ctx);

	if (reverse4(ctx, &endpoint))
		set_endpoint4(ctx, endpoint);
	return PROCEED;
}

static __always_inline int forward_mapped_ipv4(struct bpf_sock_addr *ctx, enum call call)
{
	struct endpoint4 endpoint = mapped4_of(ctx);
	int forwarded = forward4(ctx, call, &endpoint);

	if (forwarded == REDIRECTED)
		set_mapped4(ctx, endpoint);
	return verdict_of(forwarded);
}

static __always_inline int forward_ipv6(struct bpf_sock_addr *ctx, enum call call)
{
	struct endpoint6 endpoint = endpoint6_of(ctx);
	int forwarded = forward6(ctx, call, &endpoint);

	if (forwarded == REDIRECTED)
		set_endpoint6(ctx, &endpoint);
	return verdict_of(forwarded);
}

static __always_inline int reverse_mapped_ipv4(struct bpf_sock_addr *ctx)
{
	struct endpoint4 endpoint = mapped4_of(ctx);

	if (reverse4(ctx, &endpoint))
		set_mapped4(ctx, endpoint);
	return PROCEED;
}

static __always_inline int reverse_ipv6(struct bpf_sock_addr *ctx)
{
	struct endpoint6 endpoint = endpoint6_of(ctx);

	if (reverse6(ctx, &endpoint))
		set_endpoint6(ctx, &endpoint);
	return PROCEED;
}

SEC("cgroup/connect4")
int cm_connect4(struct bpf_sock_addr *ctx)
{
	return forward_ipv4(ctx, CONNECTS);
}

SEC("cgroup/sendmsg4")
int cm_sendmsg4(struct bpf_sock_addr *ctx)
{
	return forward_ipv4(ctx, SENDS);
}

SEC("cgroup/recvmsg4")
int cm_recvmsg4(struct bpf_sock_addr *ctx)
{
	return reverse_ipv4(ctx);
}

SEC("cgroup/getpeername4")
int cm_getpeername4(struct bpf_sock_addr *ctx)
{
	return reverse_ipv4(ctx);
}

SEC("cgroup/connect6")
int cm_connect6(struct bpf_sock_addr *ctx)
{
	return is_mapped4(ctx) ? forward_mapped_ipv4(ctx, CONNECTS) : forward_ipv6(ctx, CONNECTS);
}

SEC("cgroup/sendmsg6")
int cm_sendmsg6(struct bpf_sock_addr *ctx)
{
	return forward_ipv6(ctx, SENDS);
}

SEC("cgroup/recvmsg6")
int cm_recvmsg6(struct bpf_sock_addr *ctx)
{
	return is_mapped4(ctx) ? reverse_mapped_ipv4(ctx) : reverse_ipv6(ctx);
}

SEC("cgroup/getpeername6")
int cm_getpeername6(struct bpf_sock_addr *ctx)
{
	return is_mapped4(ctx) ? reverse_mapped_ipv4(ctx) : reverse_ipv6(ctx);
}

/* Every socket of the cgroup that is closed comes by, some 30 ns each; nobody asks for its service any more. */
SEC("cgroup/sock_release")
int cm_release(struct bpf_sock *sk)
{
	forget_connection(bpf_get_socket_cookie(sk));
	return PROCEED;
}

/* The kernel knows licences by the names on its own list; this one covers every helper. */
char _license[] SEC("license") = "GPL";
