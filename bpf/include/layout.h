/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What all map headers need: types, and the check that a struct has the size that stands in the contract. The bytes are
 * STABLE and Cilium's; agent/maps/layout.ts is the other side, and a test compares both by the object's BTF.
 *
 * Map names have at most 15 characters, because the kernel cuts longer ones: cm4_ for IPv4, cm6_ for IPv6.
 */
#ifndef CLUSTERMESH_LAYOUT_H
#define CLUSTERMESH_LAYOUT_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#define ASSERT_SIZE(type, size) _Static_assert(sizeof(type) == (size), #type " has " #size " bytes")

/*
 * Every map takes this many entries unless the agent sets another number before it loads the object. Hash maps are
 * allocated up front: that halves the cost of a write (0.41 against 0.82 us a row), and a change of services can never
 * fail for want of memory. It costs 88 to 96 bytes a row, 6 MB for each map of this size.
 */
#define ENTRIES_DEFAULT 65536

/*
 * True only in the programs that an agent attaches for a moment while it gives its node other maps: programs of before may be
 * writing to theirs until they are replaced, and what they write is found in the maps named _before. The verifier drops
 * the branches of the other case.
 */
const volatile bool rows_move = false;

#endif
