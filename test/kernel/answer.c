/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backends: listens on every ADDRESS:PORT and [ADDRESS]:PORT given, by TCP and by UDP, and answers each connection and each datagram with the
 * ADDRESS:PORT it came in at. Prints `ready` when it listens.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKENDS_MAX 64

union name {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static int open_socket(const union name *name, int type)
{
	int fd = socket(name->any.sa_family, type, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, &name->any, sizeof(*name)) < 0 ||
	    (type == SOCK_STREAM && listen(fd, 4096) < 0)) {
		perror("listen");
		exit(1);
	}
	return fd;
}

static void answer_datagram(int fd, const char *text)
{
	union name from;
	socklen_t length = sizeof(from);
	char got[512];

	if (recvfrom(fd, got, sizeof(got), 0, &from.any, &length) >= 0)
		sendto(fd, text, strlen(text), 0, &from.any, length);
}

static void answer_connection(int fd, const char *text)
{
	int connection = accept(fd, NULL, NULL);

	if (connection < 0)
		return;
	send(connection, text, strlen(text), MSG_NOSIGNAL);
	close(connection);
}

int main(int argc, char **argv)
{
	struct pollfd sockets[2 * BACKENDS_MAX] = {};
	int count = 0;

	for (int i = 1; i < argc && i <= BACKENDS_MAX; i++) {
		union name name = {};
		char address[64];
		int port;

		if (sscanf(argv[i], "[%63[^]]]:%d", address, &port) == 2) {
			name.v6.sin6_family = AF_INET6;
			name.v6.sin6_port = htons(port);
			inet_pton(AF_INET6, address, &name.v6.sin6_addr);
		} else if (sscanf(argv[i], "%63[^:]:%d", address, &port) == 2) {
			name.v4.sin_family = AF_INET;
			name.v4.sin_port = htons(port);
			inet_pton(AF_INET, address, &name.v4.sin_addr);
		} else {
			return 2;
		}
		sockets[count++] = (struct pollfd){ .fd = open_socket(&name, SOCK_STREAM), .events = POLLIN };
		sockets[count++] = (struct pollfd){ .fd = open_socket(&name, SOCK_DGRAM), .events = POLLIN };
	}
	printf("ready\n");
	fflush(stdout);
	while (poll(sockets, count, -1) >= 0) {
		for (int i = 0; i < count; i++) {
			if (!(sockets[i].revents & POLLIN))
				continue;
			if (i % 2 == 0)
				answer_connection(sockets[i].fd, argv[1 + i / 2]);
			else
				answer_datagram(sockets[i].fd, argv[1 + i / 2]);
		}
	}
	return 0;
}
