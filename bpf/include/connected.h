/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Which service a connected socket dialled: one row for each, at the place that its cookie says, from its connect until it is closed.
 * A socket whose place is another's is remembered in reverse_sk.h, like those that are not connected.
 *
 * Cookies are counted, so new sockets take neighbouring rows: that is some 30 ns of a connect, where a row of an LRU map is
 * 340, for it lies anywhere in megabytes. And nobody's row is given to another one while its socket lives.
 */
#ifndef CLUSTERMESH_CONNECTED_H
#define CLUSTERMESH_CONNECTED_H

#include "layout.h"

/* A power of two. Not to be chosen, since a row's place follows from it: 14.7 MB. agent/datapath/sizes.ts has it too. */
#define CONNECTED_SOCKETS 262144

struct connection {
	/* Of the socket; 0 where there is none. */
	__u64 cookie;
	/* An IPv4 address is in the first word. */
	__be32 service_address[4];
	__be32 backend_address[4];
	__be16 service_port;
	__be16 backend_port;
	__be16 rev_nat_id;
	/* 4 or 6: of the addresses, whatever the socket's. */
	__u8 family;
	__u8 pad;
};
ASSERT_SIZE(struct connection, 48);

struct connected_socket {
	struct connection connection;
	/* Two sockets may want one place, and a thread may ask while another one connects. */
	struct bpf_spin_lock lock;
	__u32 pad;
};
ASSERT_SIZE(struct connected_socket, 56);

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct connected_socket);
	__uint(max_entries, CONNECTED_SOCKETS);
} cm_connected SEC(".maps");

static __always_inline struct connected_socket *place_of(__u64 cookie)
{
	__u32 place = (__u32)cookie & (CONNECTED_SOCKETS - 1);

	return bpf_map_lookup_elem(&cm_connected, &place);
}

/* False where the place is another socket's. */
static __always_inline bool keep_connection(const struct connection *connection)
{
	struct connected_socket *row = place_of(connection->cookie);
	bool kept = false;

	if (!row)
		return false;
	bpf_spin_lock(&row->lock);
	if (row->connection.cookie == 0 || row->connection.cookie == connection->cookie) {
		row->connection = *connection;
		kept = true;
	}
	bpf_spin_unlock(&row->lock);
	return kept;
}

/* False where the socket has no row here. */
static __always_inline bool connection_of(__u64 cookie, struct connection *connection)
{
	struct connected_socket *row = place_of(cookie);

	/* Only the socket itself makes the row its own, or gives it up. */
	if (!row || row->connection.cookie != cookie)
		return false;
	bpf_spin_lock(&row->lock);
	*connection = row->connection;
	bpf_spin_unlock(&row->lock);
	return true;
}

static __always_inline void forget_connection(__u64 cookie)
{
	struct connected_socket *row = place_of(cookie);

	if (row && row->connection.cookie == cookie)
		row->connection.cookie = 0;
}

#endif
