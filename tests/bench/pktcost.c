// SPDX-License-Identifier: BSD-2-Clause
/*
 * Cost of one packet of an established TCP flow, by injection through a tap: the
 * write() runs the whole receive path. Several set-ups, each in a network namespace
 * of its own, are measured in turn (A B C A B C …), so that a disturbance
 * reaches all of them; the result is the median of the ratios to the first.
 *
 * usage: pktcost ROUNDS PACKETS NAME=NETNS=DESTINATION …
 * Each namespace has a neighbour entry for PEER. Prints one JSON object.
 */
#include <poll.h>
#include <stdbool.h>

#include "inject.h"

#define MAX_SETUPS 8
#define PROXY_PORT 8080
#define PEER_PORT 40000

struct setup {
	const char *name;
	int tap, listener, connection;
	struct frame ack;
	double ns[MAX_ROUNDS];
};

static void seal(struct frame *f)
{
	uint32_t pseudo = fold_sum(&f->ip.saddr, 8, IPPROTO_TCP + sizeof(f->tcp));

	f->tcp.check = 0;
	f->tcp.check = htons((uint16_t)~fold_sum(&f->tcp, sizeof(f->tcp), pseudo));
}

static int listen_transparent(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(PROXY_PORT) };
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_IP, IP_TRANSPARENT, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&any, sizeof(any)) || listen(fd, 16))
		error(1, errno, "listener");
	return fd;
}

/* The SYN-ACK's sequence number, found among the other packets that leave by the tap. */
static uint32_t wait_synack(const struct setup *s)
{
	struct pollfd p = { .fd = s->tap, .events = POLLIN };
	uint8_t buf[2048];

	while (poll(&p, 1, 2000) > 0) {
		const struct frame *f = (const void *)buf;
		ssize_t len = read(s->tap, buf, sizeof(buf));

		if (len >= (ssize_t)sizeof(*f) && f->eth.h_proto == htons(ETH_P_IP) &&
		    f->ip.protocol == IPPROTO_TCP && f->tcp.syn && f->tcp.ack &&
		    f->tcp.dest == htons(PEER_PORT))
			return ntohl(f->tcp.seq);
	}
	error(1, 0, "%s: the SYN was not answered", s->name);
	return 0;
}

static void establish(struct setup *s, const uint8_t mac[ETH_ALEN], const char *destination)
{
	struct frame *f = &s->ack;

	fill_syn(f, mac, destination);
	f->tcp.source = htons(PEER_PORT);
	f->tcp.dest = htons(PROXY_PORT);
	f->tcp.seq = htonl(1000);
	seal(f);
	inject(s->tap, s->name, f);
	f->tcp.ack_seq = htonl(wait_synack(s) + 1);
	f->tcp.seq = htonl(1001);
	f->tcp.syn = 0;
	f->tcp.ack = 1;
	seal(f);
	inject(s->tap, s->name, f);
	s->connection = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
	if (s->connection < 0)
		error(1, errno, "%s: accept", s->name);
}

static void prepare(struct setup *s, char *text)
{
	const char *netns, *destination;
	uint8_t mac[ETH_ALEN];

	split_setup(text, &netns, &destination);
	s->name = text;
	enter(netns);
	s->tap = open_tap(mac);
	s->listener = listen_transparent();
	establish(s, mac, destination);
}

static double measure(const struct setup *s, int packets)
{
	struct timespec a, b;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
	for (int i = 0; i < packets; i++)
		inject(s->tap, s->name, &s->ack);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
	return ns_between(&a, &b) / packets;
}

static void print_setup(const struct setup *s, const struct setup *base, int rounds, bool last)
{
	double ratio[MAX_ROUNDS], extra[MAX_ROUNDS];

	for (int i = 0; i < rounds; i++) {
		ratio[i] = s->ns[i] / base->ns[i];
		extra[i] = s->ns[i] - base->ns[i];
	}
	printf("{\"name\":\"%s\",\"ns_q1\":%.0f,\"ns_median\":%.0f,\"extra_ns_median\":%.0f,"
	       "\"ratio_q1\":%.3f,\"ratio_median\":%.3f,\"ratio_q3\":%.3f}%s\n",
	       s->name, quantile(s->ns, rounds, .25), quantile(s->ns, rounds, .5),
	       quantile(extra, rounds, .5), quantile(ratio, rounds, .25),
	       quantile(ratio, rounds, .5), quantile(ratio, rounds, .75), last ? "" : ",");
}

int main(int argc, char **argv)
{
	static struct setup setups[MAX_SETUPS];
	int rounds = argc > 1 ? atoi(argv[1]) : 0, packets = argc > 2 ? atoi(argv[2]) : 0;
	int n = argc - 3;

	if (n < 1 || n > MAX_SETUPS || rounds < 1 || rounds > MAX_ROUNDS || packets < 1)
		error(2, 0, "usage: pktcost ROUNDS PACKETS NAME=NETNS=DESTINATION ...");
	for (int i = 0; i < n; i++)
		prepare(&setups[i], argv[3 + i]);
	for (int i = 0; i < n; i++)
		measure(&setups[i], packets); /* warm */
	for (int round = 0; round < rounds; round++)
		for (int i = 0; i < n; i++)
			setups[i].ns[round] = measure(&setups[i], packets);
	printf("{\"rounds\":%d,\"packets\":%d,\"setups\":[\n", rounds, packets);
	for (int i = 0; i < n; i++)
		print_setup(&setups[i], &setups[0], rounds, i == n - 1);
	printf("]}\n");
	return 0;
}
