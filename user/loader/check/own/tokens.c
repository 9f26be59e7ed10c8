/* SPDX-License-Identifier: BSD-2-Clause */
/* Has the table room for the destinations of datagrams from unconnected sockets? */
#include <bpf/bpf.h>
#include <string.h>

#include "loader/check/list.h"
#include "loader/check/own/checked.h"

#define BATCH 4096
#define NEARLY_FULL 80 /* percent */

struct token_use {
	size_t used, total;
};

/* A token that was used lately cannot be given to another destination. */
static void count_used(const struct tproxy_token *tokens, size_t n, __u64 now,
		       struct token_use *use)
{
	for (size_t i = 0; i < n; i++)
		use->used += tokens[i].last_ns && tokens[i].last_ns + TPROXY_OWN_TOKEN_NS > now;
	use->total += n;
}

static int read_tokens(int fd, struct token_use *ret_use)
{
	__cleanup_free struct tproxy_token *tokens = calloc(BATCH, sizeof(*tokens));
	__cleanup_free __u32 *keys = calloc(BATCH, sizeof(*keys));
	const __u64 now = monotonic_ns();
	struct token_use use = { 0 };
	__u32 in = 0, out, n;
	bool first = true;
	int err = tokens && keys ? 0 : -ENOMEM;

	while (!err && use.total < TPROXY_OWN_TOKENS) {
		n = BATCH;
		if (bpf_map_lookup_batch(fd, first ? NULL : &in, &out, keys, tokens, &n, NULL))
			err = -errno;
		if (!err || err == -ENOENT)
			count_used(tokens, n, now, &use);
		in = out;
		first = false;
	}
	if (err && err != -ENOENT) /* the end of the map */
		return err;
	*ret_use = use;
	return 0;
}

void check_own_tokens(struct checkup *c)
{
	__cleanup_close int fd = -1;
	struct token_use use;
	struct own_checked view;
	struct problem *p;
	int err;

	if (!own_checked_read(c, &view))
		return;
	fd = own_checked_open(c, "internal/tokens");
	err = fd < 0 ? fd : read_tokens(fd, &use);
	if (err) {
		checkup_unchecked(c, "tokens cannot be read: %s", strerror(-err));
		return;
	}
	checkup_evidence(c, "%zu of %zu in use", use.used, use.total);
	if (use.used * 100 < use.total * NEARLY_FULL)
		return;
	p = problem_add(&c->problems, "own-tokens-full", VERDICT_DEGRADED, "lo", NULL);
	problem_concerns(p, 1 << TPROXY_UDP4 | 1 << TPROXY_UDP6);
	problem_text(p,
		     "%zu of %zu addresses for datagrams are in use: datagrams of unconnected "
		     "sockets to further destinations are treated as if the proxy were down",
		     use.used, use.total);
	problem_next(p,
		     "wait %u seconds; if it stays so, find the program that sends to so many "
		     "destinations, and give it a rule with action = pass",
		     (unsigned int)(TPROXY_OWN_TOKEN_NS / 1000000000));
}
