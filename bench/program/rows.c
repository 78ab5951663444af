/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel takes at best: writes the rows of SERVICES services with BACKENDS backends each, in batches, into maps of the agent's
 * shapes, and prints how long that took, by the clock and in processor time, in nanoseconds. The rows are made before.
 *
 *   rows SERVICES BACKENDS
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH 1024

struct rows {
	int fd;
	size_t key_size, value_size, count;
	uint8_t *keys, *values;
};

static struct rows make(const char *name, size_t key_size, size_t value_size, size_t count)
{
	struct rows rows = { .key_size = key_size, .value_size = value_size, .count = count };

	rows.fd = bpf_map_create(BPF_MAP_TYPE_HASH, name, key_size, value_size, count, NULL);
	rows.keys = calloc(count, key_size);
	rows.values = calloc(count, value_size);
	if (rows.fd < 0 || !rows.keys || !rows.values) {
		perror(name);
		exit(1);
	}
	return rows;
}

static void write_rows(const struct rows *rows)
{
	for (size_t from = 0; from < rows->count; from += BATCH) {
		__u32 count = rows->count - from < BATCH ? rows->count - from : BATCH;

		if (bpf_map_update_batch(rows->fd, rows->keys + from * rows->key_size,
					 rows->values + from * rows->value_size, &count, NULL) < 0) {
			perror("batch");
			exit(1);
		}
	}
}

static int64_t now_ns(clockid_t clock)
{
	struct timespec at;

	clock_gettime(clock, &at);
	return at.tv_sec * 1000000000ll + at.tv_nsec;
}

int main(int argc, char **argv)
{
	uint32_t services = argc > 1 ? atoi(argv[1]) : 0, each = argc > 2 ? atoi(argv[2]) : 0;
	struct rows backends = make("backends", 4, 12, services * each);
	struct rows slots = make("services", 12, 12, services * (each + 1));
	struct rows reverse = make("reverse", 2, 6, services);
	int64_t begun, used;

	for (uint32_t i = 0; i < services; i++) {
		uint32_t address = htonl(0xac100000 + i);
		uint16_t id = htons(i + 1), port = htons(80);

		memcpy(reverse.keys + i * 2, &id, 2);
		memcpy(reverse.values + i * 6, &address, 4);
		memcpy(reverse.values + i * 6 + 4, &port, 2);
		for (uint32_t slot = 0; slot <= each; slot++) {
			size_t row = i * (each + 1) + slot;
			uint8_t *key = slots.keys + row * 12, *value = slots.values + row * 12;
			uint32_t backend = slot == 0 ? 0 : i * each + slot;

			memcpy(key, &address, 4);
			memcpy(key + 4, &port, 2);
			memcpy(key + 6, &slot, 2);
			key[8] = 6;
			memcpy(value, &backend, 4);
			if (slot == 0)
				memcpy(value + 4, &each, 2);
			memcpy(value + 6, &id, 2);
			if (slot == 0)
				continue;
			memcpy(backends.keys + (backend - 1) * 4, &backend, 4);
			memcpy(backends.values + (backend - 1) * 12, &backend, 4);
			backends.values[(backend - 1) * 12 + 6] = 6;
		}
	}
	begun = now_ns(CLOCK_MONOTONIC);
	used = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	write_rows(&backends);
	write_rows(&slots);
	write_rows(&reverse);
	used = now_ns(CLOCK_PROCESS_CPUTIME_ID) - used;
	printf("%lld %lld\n", (long long)(now_ns(CLOCK_MONOTONIC) - begun), (long long)used);
	return 0;
}
