// SPDX-License-Identifier: BSD-2-Clause
/*
 * Cost of a packet where there are many flows, by injection through a tap: each from another
 * port, a SYN or (of a flow that this host does not know) an ACK. Several set-ups, each in a network
 * namespace of its own, are measured in turn (A B C A B C …); the result is the median of the
 * differences to the first.
 *
 * usage: flowcost syn|ack ROUNDS PACKETS PORT NAME=NETNS=DESTINATION …
 * Prints one JSON object.
 */
#include <stdbool.h>

#include "inject.h"

#define MAX_SETUPS 64

struct setup {
	const char *name, *netns;
	int tap;
	struct frame packet;
	double ns[MAX_ROUNDS];
};

/* before: the set-up before it, or NULL; two in one namespace share its tap. */
static void prepare(struct setup *s, const struct setup *before, char *text, int port, bool ack)
{
	uint8_t mac[ETH_ALEN];
	const char *destination;

	split_setup(text, &s->netns, &destination);
	s->name = text;
	if (before && !strcmp(before->netns, s->netns)) {
		s->tap = before->tap;
		memcpy(mac, before->packet.eth.h_dest, ETH_ALEN);
	} else {
		enter(s->netns);
		s->tap = open_tap(mac);
	}
	fill_syn(&s->packet, mac, destination);
	s->packet.tcp.dest = htons((uint16_t)port);
	s->packet.tcp.syn = !ack;
	s->packet.tcp.ack = ack;
}

static double measure(struct setup *s, int packets)
{
	struct timespec a, b;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
	for (int i = 0; i < packets; i++) {
		s->packet.tcp.source = htons((uint16_t)(1024 + i % 60000));
		inject(s->tap, s->name, &s->packet);
	}
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
	return ns_between(&a, &b) / packets;
}

static void print_setup(const struct setup *s, const struct setup *base, int rounds, int last)
{
	double extra[MAX_ROUNDS];

	for (int i = 0; i < rounds; i++)
		extra[i] = s->ns[i] - base->ns[i];
	printf("{\"name\":\"%s\",\"extra_ns_q1\":%.0f,\"extra_ns_median\":%.0f,\"extra_ns_q3\":%.0f}%s\n",
	       s->name, quantile(extra, rounds, .25), quantile(extra, rounds, .5),
	       quantile(extra, rounds, .75), last ? "" : ",");
}

int main(int argc, char **argv)
{
	static struct setup setups[MAX_SETUPS];
	int rounds = argc > 4 ? atoi(argv[2]) : 0, packets = argc > 4 ? atoi(argv[3]) : 0;
	bool ack = argc > 4 && !strcmp(argv[1], "ack");
	int n = argc - 5;

	if (n < 1 || n > MAX_SETUPS || rounds < 1 || rounds > MAX_ROUNDS || packets < 1 ||
	    (!ack && strcmp(argv[1], "syn")))
		error(2, 0,
		      "usage: flowcost syn|ack ROUNDS PACKETS PORT NAME=NETNS=DESTINATION ...");
	for (int i = 0; i < n; i++)
		prepare(&setups[i], i ? &setups[i - 1] : NULL, argv[5 + i], atoi(argv[4]), ack);
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
