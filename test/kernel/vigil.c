/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches a node's services without a pause, and counts what goes wrong. From the first line it reads to the next one, it goes round:
 *
 *   - connects by TCP to ADDRESS:80, and asks for the peer, which has to be the service;
 *   - connects by TCP to ADDRESS:81, a service with session affinity, which has to lead to the backend it led to first;
 *   - sends a datagram from a new socket to ADDRESS:82, and takes the answer, which has to come from the service;
 *   - asks one of the UDP sockets that it connected to ADDRESS:82 in the beginning for its peer.
 *
 * Answers the first line with `ready`, the next one with `ok ROUNDS REFUSED MISLED LAST-ERRNO SLOWEST-MS`.
 *
 *   vigil ADDRESS
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define OLD_SOCKETS 256

static struct sockaddr_in service;
static long refused, misled;
static int last_errno;
static in_addr_t kept;

static struct sockaddr_in at_port(int port)
{
	struct sockaddr_in name = service;

	name.sin_port = htons(port);
	return name;
}

static void refuse(void)
{
	refused++;
	last_errno = errno;
}

static bool is(const struct sockaddr_in *name, int port)
{
	return name->sin_addr.s_addr == service.sin_addr.s_addr && name->sin_port == htons(port);
}

static void check_peer(int fd, int port)
{
	struct sockaddr_in peer = {};
	socklen_t length = sizeof(peer);

	if (getpeername(fd, (struct sockaddr *)&peer, &length) < 0)
		refuse();
	else if (!is(&peer, port))
		misled++;
}

/* All backends are addresses of the loopback device: the socket's own address is the backend's. */
static void check_backend(int fd)
{
	struct sockaddr_in own = {};
	socklen_t length = sizeof(own);

	getsockname(fd, (struct sockaddr *)&own, &length);
	if (kept == 0)
		kept = own.sin_addr.s_addr;
	else if (kept != own.sin_addr.s_addr)
		misled++;
}

static void call(int port)
{
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	struct sockaddr_in name = at_port(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	if (connect(fd, (struct sockaddr *)&name, sizeof(name)) < 0) {
		refuse();
	} else {
		check_peer(fd, port);
		if (port == 81)
			check_backend(fd);
	}
	close(fd);
}

static void send_datagram(int port)
{
	struct timeval patience = { .tv_sec = 2 };
	struct sockaddr_in name = at_port(port), from = {};
	socklen_t length = sizeof(from);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	char text[64];

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (sendto(fd, "x", 1, 0, (struct sockaddr *)&name, sizeof(name)) < 0 ||
	    recvfrom(fd, text, sizeof(text), 0, (struct sockaddr *)&from, &length) < 0)
		refuse();
	else if (!is(&from, port))
		misled++;
	close(fd);
}

static long long now_us(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return at.tv_sec * 1000000ll + at.tv_nsec / 1000;
}

static bool is_told_to_stop(void)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };

	return poll(&in, 1, 0) != 0;
}

int main(int argc, char **argv)
{
	int old[OLD_SOCKETS];
	struct sockaddr_in name;
	long long slowest = 0;
	long rounds = 0;
	char line[16];

	if (argc != 2)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stdin, NULL, _IONBF, 0);
	service.sin_family = AF_INET;
	inet_pton(AF_INET, argv[1], &service.sin_addr);
	if (!fgets(line, sizeof(line), stdin))
		return 1;
	name = at_port(82);
	for (int at = 0; at < OLD_SOCKETS; at++) {
		old[at] = socket(AF_INET, SOCK_DGRAM, 0);
		if (connect(old[at], (struct sockaddr *)&name, sizeof(name)) < 0)
			refuse();
	}
	call(81);
	printf("ready\n");
	/* One more after it was told: what happened before that is in it, however busy the machine is. */
	for (int told = 0; !told; rounds++) {
		told = is_told_to_stop();
		long long start = now_us(), took;

		call(80);
		call(81);
		send_datagram(82);
		check_peer(old[rounds % OLD_SOCKETS], 82);
		took = now_us() - start;
		if (took > slowest)
			slowest = took;
	}
	for (int at = 0; at < OLD_SOCKETS; at++)
		check_peer(old[at], 82);
	printf("ok %ld %ld %ld %d %lld\n", rounds, refused, misled, last_errno, slowest / 1000);
	return 0;
}
