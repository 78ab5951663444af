/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connects by TCP at a steady rate, each time to a service at random: service number i is 172.16.0.0 + i, port 80, and has the backends
 * 10.16.0.0 + i * BACKENDS and those after it. Each connection has to come to one of its service's; all of them are addresses of the
 * loopback device, so that a socket's own address is its backend's. From the first line it reads to the next one.
 *
 * Answers the first line with `ready`, the next one with `ok CONNECTS REFUSED MISLED LAST-ERRNO SLOWEST-MS SECONDS`.
 *
 *   steady SERVICES BACKENDS PER-SECOND
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FIRST_SERVICE 0xac100000u
#define FIRST_BACKEND 0x0a100000u

static long refused, misled, slowest_us;
static int last_errno;

static int64_t now_ns(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return at.tv_sec * 1000000000ll + at.tv_nsec;
}

static bool is_told_to_stop(void)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };

	return poll(&in, 1, 0) != 0;
}

/* Ends each connection by a reset, so that no port is left waiting. */
static void strike(uint32_t service, uint32_t backends)
{
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(80) }, own = {};
	socklen_t length = sizeof(own);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int64_t start = now_ns();
	long took_us;

	name.sin_addr.s_addr = htonl(FIRST_SERVICE + service);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	if (connect(fd, (struct sockaddr *)&name, sizeof(name)) < 0) {
		refused++;
		last_errno = errno;
	} else {
		getsockname(fd, (struct sockaddr *)&own, &length);
		if (ntohl(own.sin_addr.s_addr) - FIRST_BACKEND - service * backends >= backends)
			misled++;
	}
	took_us = (now_ns() - start) / 1000;
	if (took_us > slowest_us)
		slowest_us = took_us;
	close(fd);
}

int main(int argc, char **argv)
{
	long connects = 0, services, backends, per_second;
	int64_t begun, due;
	char line[16];

	if (argc != 4)
		return 2;
	services = atol(argv[1]);
	backends = atol(argv[2]);
	per_second = atol(argv[3]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stdin, NULL, _IONBF, 0);
	if (!fgets(line, sizeof(line), stdin))
		return 1;
	printf("ready\n");
	begun = now_ns();
	for (; !is_told_to_stop(); connects++) {
		due = begun + connects * 1000000000ll / per_second;
		if (due > now_ns()) {
			struct timespec at = { .tv_sec = due / 1000000000ll, .tv_nsec = due % 1000000000ll };

			clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
		}
		strike(random() % services, backends);
	}
	printf("ok %ld %ld %ld %d %ld %.1f\n", connects, refused, misled, last_errno, slowest_us / 1000,
	       (now_ns() - begun) / 1e9);
	return 0;
}
