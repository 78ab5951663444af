/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connects new sockets one after the other as fast as it can, and writes down what became of each: when it began and ended, on the
 * monotonic clock, which address it came to, and its errno. The address is that of the socket's own end: in a namespace where all
 * backends are addresses of the loopback device, a socket has the address that it is connected to, and no program translates it.
 *
 *   hammer tcp|udp ADDRESS PORT TIMES FILE
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct record {
	int64_t start;
	int64_t end;
	uint32_t address;
	uint32_t error;
};

static int64_t now_ns(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return at.tv_sec * 1000000000ll + at.tv_nsec;
}

/* Ends each connection by a reset, so that no port is left waiting. */
static struct record strike(int type, const struct sockaddr_in *name)
{
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	struct record record = {};
	struct sockaddr_in own = {};
	socklen_t length = sizeof(own);
	int fd = socket(AF_INET, type, 0);

	if (type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	record.start = now_ns();
	if (connect(fd, (const struct sockaddr *)name, sizeof(*name)) < 0)
		record.error = errno;
	record.end = now_ns();
	getsockname(fd, (struct sockaddr *)&own, &length);
	record.address = ntohl(own.sin_addr.s_addr);
	close(fd);
	return record;
}

int main(int argc, char **argv)
{
	struct sockaddr_in name = { .sin_family = AF_INET };
	FILE *out;

	if (argc != 6)
		return 2;
	inet_pton(AF_INET, argv[2], &name.sin_addr);
	name.sin_port = htons(atoi(argv[3]));
	out = fopen(argv[5], "w");
	if (!out)
		return 1;
	for (long left = atol(argv[4]); left > 0; left--) {
		struct record record = strike(strcmp(argv[1], "tcp") == 0 ? SOCK_STREAM : SOCK_DGRAM, &name);

		fwrite(&record, sizeof(record), 1, out);
	}
	return fclose(out) == 0 ? 0 : 1;
}
