/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/describe.h"

#include <string.h>

#include "lib/util.h"
#include "relay/daemon.h"
#include "relay/log/sink.h"
#include "relay/log/tally.h"

static void read_tally(enum tally_kind kind, struct flows_event *ret_event)
{
	ret_event->count = tally_read(kind, &ret_event->ago_ms);
}

static void describe_descriptors(const struct budget *b, struct flows_status *s)
{
	int left = atomic_load(&b->common);

	for (int kind = 0; kind < BUDGET_KINDS; kind++)
		left += atomic_load(&b->of_kind[kind]);
	s->nofile = b->nofile;
	s->descriptors = b->usable;
	s->descriptors_left = left > 0 ? (uint32_t)left : 0;
}

static void describe_log(const struct options *o, struct flows_status *s)
{
	struct sink_state state = sink_state();

	s->log_err = state.err;
	s->log_dev = state.dev;
	s->log_inode = state.inode;
	if (strlen(o->log_file) < sizeof(s->log_path))
		strcpy(s->log_path, o->log_file);
}

static void describe_upstreams(const struct egress *egress, uint64_t now, struct flows_status *s)
{
	const struct upstreams *list = &egress->upstreams;
	char url[UPSTREAMS_TEXT_LEN];

	for (unsigned int i = 0; i < list->count; i++) {
		if (list->items[i].proxy.kind == PROXY_NONE)
			continue;
		if (s->upstreams < FLOWS_UPSTREAMS)
			s->upstream[s->upstreams] = flowwalk_address(&list->items[i].proxy.addr);
		s->upstreams++;
		if (now >= atomic_load(&list->items[i].down_until))
			continue;
		s->upstreams_down++;
		upstreams_format(&list->items[i].proxy, url);
		if (!*s->upstream_down && strlen(url) < sizeof(s->upstream_down))
			strcpy(s->upstream_down, url);
	}
}

/* Settings change in this thread only, so that they need no lock here. */
static void describe_egress(const struct egress_list *list, struct flows_status *s)
{
	uint64_t now = monotonic_ms();
	bool own = list->other.outlet.source.mode == SOURCE_OWN;

	describe_upstreams(&list->other, now, s);
	for (size_t i = 0; i < list->count; i++) {
		describe_upstreams(&list->items[i], now, s);
		own |= list->items[i].outlet.source.mode == SOURCE_OWN;
	}
	if (own)
		s->flags |= FLOWS_OWN_PORTS;
	if (egress_have_client_source(list))
		s->flags |= FLOWS_CLIENT_ADDRESS;
}

void describe_relay(const void *daemon, struct flows_status *ret_status)
{
	const struct daemon *d = daemon;
	struct flows_status s = { .threads = d->opened, .up_ms = monotonic_ms() - d->began };

	snprintf(s.version, sizeof(s.version), "%s", TPROXY_VERSION);
	read_tally(TALLY_LIMITED, &s.limited);
	read_tally(TALLY_NO_PORT, &s.no_port);
	read_tally(TALLY_LOST, &s.lost);
	read_tally(TALLY_LOOP, &s.loop);
	describe_descriptors(&d->budget, &s);
	describe_log(&d->options, &s);
	describe_egress(&d->relay.settings->egress, &s);
	*ret_status = s;
}
