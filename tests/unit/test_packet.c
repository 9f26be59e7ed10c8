/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packet parser of the data path as plain C, under the sanitizers: over valid packets,
 * each of their prefixes and many mutations it must see what the reference's reading sees.
 * tests/bpf/test_mutate does the same for the whole decision, in the kernel.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../bpf/corpus.h"
#include "../bpf/mutate.h"
#include "../bpf/reference_packet.h"
#include "bpf_parse.h"

#define MUTATIONS 300000

static enum parsed_kind expected_kind(enum seen_kind kind)
{
	static const enum parsed_kind kinds[] = {
		[SEEN_NOT_IP] = PARSED_OTHER,
		[SEEN_MALFORMED] = PARSED_MALFORMED,
		[SEEN_SOURCE_ROUTE] = PARSED_SOURCE_ROUTE,
		[SEEN_OTHER] = PARSED_OTHER,
		[SEEN_ICMP] = PARSED_ICMP,
		[SEEN_FLOW] = PARSED_FLOW,
		[SEEN_FRAGMENT] = PARSED_FRAGMENT,
	};

	return kinds[kind];
}

/* NULL, or what differs. */
static const char *compare(const struct seen *s, const struct parsed *p)
{
	if (expected_kind(s->kind) != p->kind)
		return "kind";
	if (s->kind != SEEN_FLOW && s->kind != SEEN_FRAGMENT && s->kind != SEEN_ICMP)
		return NULL;
	if (s->to.addr.family != p->family || memcmp(s->from.addr.bytes, p->src, 16) ||
	    memcmp(s->to.addr.bytes, p->dst, 16))
		return "addresses";
	if (s->proto != p->proto || s->bytes != p->bytes)
		return "protocol or length";
	if ((s->first_fragment || s->kind == SEEN_FRAGMENT) && s->id != p->id)
		return "identification";
	if (s->kind != SEEN_FRAGMENT && s->upper != ETH_HLEN + p->l4_offset)
		return "where the upper layer starts";
	if (s->first_fragment != p->first_fragment || s->tcp_flags != p->tcp_flags ||
	    s->from.port != p->sport || s->to.port != p->dport)
		return "upper layer";
	return NULL;
}

static void check(const struct packet *p)
{
	const struct ref_packet ref = { .at = p->data, .n = p->len };
	size_t n = p->len - ETH_HLEN;
	__u8 *exact = malloc(n ? n : 1); /* so that a byte too far is noticed */
	struct parsed parsed;
	struct seen seen;
	const char *wrong;

	assert_non_null(exact);
	memcpy(exact, p->data + ETH_HLEN, n);
	bpf_parse(exact, (unsigned int)n, get16(p->data + 2 * ETH_ALEN), &parsed);
	free(exact);
	seen_read(&ref, &seen);
	wrong = compare(&seen, &parsed);
	if (!wrong)
		return;
	for (size_t i = 0; i < p->len; i++)
		print_message("%02x", p->data[i]);
	fail_msg(" %s: seen as %d, parsed as %d", wrong, seen.kind, parsed.kind);
}

static void test_prefixes(void **unused)
{
	for (size_t i = 0; i < CORPUS_SIZE; i++) {
		struct packet p;

		for (corpus_build(i, &p); p.len > ETH_HLEN; p.len--)
			check(&p);
	}
}

static void test_mutations(void **unused)
{
	static struct packet corpus[CORPUS_SIZE], p;
	struct rng r = { 1 };

	for (size_t i = 0; i < CORPUS_SIZE; i++)
		corpus_build(i, &corpus[i]);
	for (int i = 0; i < MUTATIONS; i++) {
		p = corpus[rng_below(&r, CORPUS_SIZE)];
		mutate_packet(&r, &p, &corpus[rng_below(&r, CORPUS_SIZE)]);
		check(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_mutations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
