/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What the programs tell of their work: counters per service, always, and events, one for a translation or a refusal, while
 * somebody listens. Neither ever changes what becomes of a call.
 *
 * Listening is a lease: the agent writes until when, and has to write again before. So a program never works for an agent
 * that is gone. Ring buffers came with kernel 5.8, and what we attach needs 5.9: a kernel that takes the programs has them.
 */
#ifndef CLUSTERMESH_TRAFFIC_H
#define CLUSTERMESH_TRAFFIC_H

#include "endpoint.h"
#include "layout.h"
#include "reverse_nat.h"
#include "select.h"

/* A service has a row from its first call on; without preallocation, what nobody dials costs nothing. */
struct traffic_counts {
	/* Connects, and datagrams of sockets that are not connected. */
	__u64 translated;
	/* By cause. */
	__u64 no_backends;
	__u64 no_slot;
	__u64 no_memory;
};
ASSERT_SIZE(struct traffic_counts, 32);

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct reverse_nat_key);
	__type(value, struct traffic_counts);
	__uint(max_entries, ENTRIES_DEFAULT);
} cm_counters SEC(".maps");

/* The agent writes it. All zero: nobody listens. */
struct event_lease {
	/* On the clock of bpf_ktime_get_ns. */
	__u64 until_ns;
	/* One translation in so many; 0 for none. Refusals are always told. */
	__u32 sample_every;
	/* Events of one CPU in a second. */
	__u32 per_second;
};
ASSERT_SIZE(struct event_lease, 16);

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct event_lease);
	__uint(max_entries, 1);
} cm_event_lease SEC(".maps");

/* Of one CPU. */
struct event_budget {
	__u64 second;
	__u64 taken;
	/* Not told, because the second's events were used up. */
	__u64 limited;
	/* Not told, because the ring was full. */
	__u64 lost;
};
ASSERT_SIZE(struct event_budget, 32);

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct event_budget);
	__uint(max_entries, 1);
} cm_event_budget SEC(".maps");

struct traffic_event {
	__u64 time_ns;
	__u64 cookie;
	/* Of the process that calls. */
	__u64 cgroup_id;
	__u32 pid;
	/* Of the backend. */
	__u16 cluster_id;
	/* 4 or 6: of the addresses, whatever the socket's. */
	__u8 family;
	__u8 protocol;
	/* An IPv4 address is in the first word. */
	__be32 service_address[4];
	__be32 backend_address[4];
	__be16 service_port;
	__be16 backend_port;
	__be16 rev_nat_id;
	/* CAUSE_NONE for a translation; the backend is then known. */
	__u8 cause;
	__u8 pad;
	char command[16];
};
ASSERT_SIZE(struct traffic_event, 88);

/* Ten thousand events: what 100 CPUs at 1,000 a second tell between two readings. */
#define EVENT_RING_BYTES (1024 * 1024)

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, EVENT_RING_BYTES);
} cm_events SEC(".maps");

/* Atomic although the row is this CPU's own: a call may be preempted by another one on the same CPU. */
static __always_inline void count_call(__be16 rev_nat_id, __u8 cause)
{
	struct reverse_nat_key key = { .rev_nat_id = rev_nat_id };
	struct traffic_counts *counts = bpf_map_lookup_elem(&cm_counters, &key);

	if (!counts) {
		struct traffic_counts none = {};

		bpf_map_update_elem(&cm_counters, &key, &none, BPF_NOEXIST);
		counts = bpf_map_lookup_elem(&cm_counters, &key);
		if (!counts)
			return;
	}
	if (cause == CAUSE_NONE)
		__sync_fetch_and_add(&counts->translated, 1);
	else if (cause == CAUSE_NO_BACKENDS)
		__sync_fetch_and_add(&counts->no_backends, 1);
	else if (cause == CAUSE_NO_SLOT)
		__sync_fetch_and_add(&counts->no_slot, 1);
	else
		__sync_fetch_and_add(&counts->no_memory, 1);
}

/* A function of its own, so that the type stands in the object, where a test compares it. */
static __noinline void fill_event(struct bpf_sock_addr *ctx, struct traffic_event *event,
				  const struct selection *selection, __u64 now)
{
	__builtin_memset(event, 0, sizeof(*event));
	event->time_ns = now;
	event->cookie = bpf_get_socket_cookie(ctx);
	event->cgroup_id = bpf_get_current_cgroup_id();
	event->pid = (__u32)(bpf_get_current_pid_tgid() >> 32);
	event->protocol = (__u8)ctx->protocol;
	event->rev_nat_id = selection->rev_nat_id;
	event->cause = selection->cause;
	if (selection->cause == CAUSE_NONE)
		event->cluster_id = selection->cluster_id;
	bpf_get_current_comm(event->command, sizeof(event->command));
}

/* An event that lacks its addresses, or none. */
static __always_inline struct traffic_event *begin_event(struct bpf_sock_addr *ctx, const struct selection *selection)
{
	__u32 zero = 0;
	const struct event_lease *lease = bpf_map_lookup_elem(&cm_event_lease, &zero);
	struct event_budget *budget;
	struct traffic_event *event;
	__u64 now, second;

	if (!lease || lease->until_ns == 0)
		return NULL;
	now = bpf_ktime_get_ns();
	if (now >= lease->until_ns)
		return NULL;
	if (selection->cause == CAUSE_NONE) {
		__u32 every = lease->sample_every;

		if (every == 0 || (every > 1 && bpf_get_prandom_u32() % every != 0))
			return NULL;
	}

	budget = bpf_map_lookup_elem(&cm_event_budget, &zero);
	if (!budget)
		return NULL;
	second = now / 1000000000ull;
	if (budget->second != second) {
		budget->second = second;
		budget->taken = 0;
	}
	if (budget->taken >= lease->per_second) {
		__sync_fetch_and_add(&budget->limited, 1);
		return NULL;
	}
	__sync_fetch_and_add(&budget->taken, 1);

	event = bpf_ringbuf_reserve(&cm_events, sizeof(*event), 0);
	if (!event) {
		__sync_fetch_and_add(&budget->lost, 1);
		return NULL;
	}
	fill_event(ctx, event, selection, now);
	return event;
}

/* Nobody is woken: the agent looks ten times a second while somebody listens, and a connect must not pay for it. */
static __always_inline void submit_event(struct traffic_event *event)
{
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
}

/* `selection` says the cause, and the service; `backend` counts where there is no cause. */
static __always_inline void tell4(struct bpf_sock_addr *ctx, const struct selection *selection,
				  const struct endpoint4 *service, const struct endpoint4 *backend)
{
	struct traffic_event *event;

	count_call(selection->rev_nat_id, selection->cause);
	event = begin_event(ctx, selection);
	if (!event)
		return;
	event->family = 4;
	event->service_address[0] = service->address;
	event->service_port = service->port;
	if (selection->cause == CAUSE_NONE) {
		event->backend_address[0] = backend->address;
		event->backend_port = backend->port;
	}
	submit_event(event);
}

/* The same for IPv6. */
static __always_inline void tell6(struct bpf_sock_addr *ctx, const struct selection *selection,
				  const struct endpoint6 *service, const struct endpoint6 *backend)
{
	struct traffic_event *event;

	count_call(selection->rev_nat_id, selection->cause);
	event = begin_event(ctx, selection);
	if (!event)
		return;
	event->family = 6;
	copy_address6(event->service_address, service->address);
	event->service_port = service->port;
	if (selection->cause == CAUSE_NONE) {
		copy_address6(event->backend_address, backend->address);
		event->backend_port = backend->port;
	}
	submit_event(event);
}

#endif
