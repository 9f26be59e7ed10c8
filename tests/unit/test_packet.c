/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packet parser of the data path as plain C, under the sanitizers: for valid packets, each of
 * their prefixes and many mutations it must read what the reference reads. tests/bpf/test_mutate
 * does the same for the whole decision, in the kernel.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../bpf/corpus.h"
#include "../bpf/mutate.h"
#include "packet_compare.h"

#define MUTATIONS 300000

static void check(const struct packet *p)
{
	const char *wrong = packet_check(p->data, p->len);

	if (!wrong)
		return;
	for (size_t i = 0; i < p->len; i++)
		print_message("%02x", p->data[i]);
	fail_msg(" %s differ", wrong);
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

/* Inputs that the fuzzer kept; each takes another path through the parser. */
static void test_fuzz_corpus(void **unused)
{
	const char *dir = "tests/fuzz/packet";
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	if (!d)
		fail_msg("%s: %s", dir, strerror(errno));
	while ((e = readdir(d))) {
		char path[300];
		struct packet p;
		FILE *f;

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		f = fopen(path, "re");
		assert_non_null(f);
		p.len = fread(p.data, 1, sizeof(p.data), f);
		fclose(f);
		if (p.len >= ETH_HLEN)
			check(&p);
		n++;
	}
	closedir(d);
	assert_true(n > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fuzz_corpus),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_mutations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
