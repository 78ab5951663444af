/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client whose every socket call can be commanded and seen: what a runtime's own library hides (errno, the peer's name, the
 * source of a datagram) is what the tests are about. Reads a command a line, answers with a line: `ok ...` or `error ERRNO`.
 *
 *   open tcp|udp 4|6          close
 *   connect ADDRESS PORT      peer
 *   send TEXT                 sendto ADDRESS PORT TEXT
 *   recv                      ok TEXT from ADDRESS PORT
 *   storm ADDRESS PORT MS     new TCP connections, one after the other: ok SUCCEEDED FAILED LAST-ERRNO
 *   time N ADDRESS PORT       connects the open UDP socket N times: ok P50 P99, in nanoseconds
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

union name {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static int family = AF_INET;

static socklen_t parse(const char *address, int port, union name *name)
{
	memset(name, 0, sizeof(*name));
	if (family == AF_INET) {
		name->v4.sin_family = AF_INET;
		name->v4.sin_port = htons(port);
		inet_pton(AF_INET, address, &name->v4.sin_addr);
		return sizeof(name->v4);
	}
	name->v6.sin6_family = AF_INET6;
	name->v6.sin6_port = htons(port);
	inet_pton(AF_INET6, address, &name->v6.sin6_addr);
	return sizeof(name->v6);
}

static void print_name(const union name *name)
{
	char text[INET6_ADDRSTRLEN] = "?";
	int is_v4 = name->any.sa_family == AF_INET;

	inet_ntop(name->any.sa_family, is_v4 ? (const void *)&name->v4.sin_addr : (const void *)&name->v6.sin6_addr,
		  text, sizeof(text));
	printf("%s %d\n", text, ntohs(is_v4 ? name->v4.sin_port : name->v6.sin6_port));
}

static void answer(long result)
{
	if (result < 0)
		printf("error %d\n", errno);
	else
		printf("ok\n");
}

static long long now_ns(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return at.tv_sec * 1000000000ll + at.tv_nsec;
}

/* Ends each connection by a reset, so that no port is left waiting. */
static void storm(const union name *name, socklen_t length, int milliseconds)
{
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	long long end = now_ns() + milliseconds * 1000000ll;
	int succeeded = 0, failed = 0, last = 0;

	while (now_ns() < end) {
		int fd = socket(family, SOCK_STREAM, 0);

		setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		if (connect(fd, &name->any, length) == 0) {
			succeeded++;
		} else {
			failed++;
			last = errno;
		}
		close(fd);
	}
	printf("ok %d %d %d\n", succeeded, failed, last);
}

static int ascending(const void *a, const void *b)
{
	long long difference = *(const long long *)a - *(const long long *)b;

	return difference < 0 ? -1 : difference > 0;
}

static void time_connects(int fd, const union name *name, socklen_t length, int times)
{
	long long *took = calloc(times, sizeof(*took));

	for (int i = 0; i < times; i++) {
		long long begun = now_ns();

		if (connect(fd, &name->any, length) < 0) {
			free(took);
			answer(-1);
			return;
		}
		took[i] = now_ns() - begun;
	}
	qsort(took, times, sizeof(*took), ascending);
	printf("ok %lld %lld\n", took[times / 2], took[times / 100 * 99]);
	free(took);
}

int main(void)
{
	char line[512], word[16], address[64], text[256];
	union name name;
	socklen_t length;
	int fd = -1, port, number;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "open %15s %d", word, &number) == 2) {
			struct timeval patience = { .tv_sec = 5 };

			family = number == 6 ? AF_INET6 : AF_INET;
			fd = socket(family, strcmp(word, "tcp") == 0 ? SOCK_STREAM : SOCK_DGRAM, 0);
			setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
			answer(fd);
		} else if (sscanf(line, "connect %63s %d", address, &port) == 2) {
			length = parse(address, port, &name);
			answer(connect(fd, &name.any, length));
		} else if (sscanf(line, "sendto %63s %d %255s", address, &port, text) == 3) {
			length = parse(address, port, &name);
			answer(sendto(fd, text, strlen(text), MSG_NOSIGNAL, &name.any, length));
		} else if (sscanf(line, "send %255s", text) == 1) {
			answer(send(fd, text, strlen(text), MSG_NOSIGNAL));
		} else if (strncmp(line, "recv", 4) == 0) {
			long got;

			length = sizeof(name);
			memset(&name, 0, sizeof(name));
			got = recvfrom(fd, text, sizeof(text) - 1, 0, &name.any, &length);
			if (got < 0) {
				answer(got);
			} else {
				printf("ok %.*s from ", (int)got, text);
				print_name(&name);
			}
		} else if (strncmp(line, "peer", 4) == 0) {
			length = sizeof(name);
			if (getpeername(fd, &name.any, &length) < 0) {
				answer(-1);
			} else {
				printf("ok ");
				print_name(&name);
			}
		} else if (sscanf(line, "storm %63s %d %d", address, &port, &number) == 3) {
			length = parse(address, port, &name);
			storm(&name, length, number);
		} else if (sscanf(line, "time %d %63s %d", &number, address, &port) == 3) {
			length = parse(address, port, &name);
			time_connects(fd, &name, length, number);
		} else if (strncmp(line, "close", 5) == 0) {
			answer(close(fd));
		} else {
			printf("unknown command\n");
		}
	}
	return 0;
}
