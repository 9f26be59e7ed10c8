/* SPDX-License-Identifier: BSD-2-Clause */
/* The programs keep their memory in pinned maps: an upgrade forgets nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <bpf/libbpf.h>

#include "kernel/state/state.h"

static int find_map(const char *name)
{
	for (int i = 0; i < MAP_MAX; i++)
		if (!strcmp(state_map_name(i), name))
			return i;
	return -1;
}

/*
 * Constants need no pin, nor do maps of which an upgrade may make another: `scratch` serves one
 * packet, without its note in `watch_frags` a later fragment is only shown without its ports, and
 * .bss has when and where room was made last. What must be kept has a section of its own.
 */
static bool needs_pin(const char *map)
{
	return !strstr(map, ".rodata") && !strstr(map, ".bss") && strcmp(map, "scratch") &&
	       strcmp(map, "watch_frags");
}

static void test_every_map_is_pinned(void **unused)
{
	struct bpf_object *obj = state_object();
	const struct bpf_map *map;

	assert_non_null(obj);
	bpf_object__for_each_map(map, obj)
	{
		const char *name = bpf_map__name(map);

		if (!needs_pin(name))
			continue;
		if (find_map(name) < 0)
			fail_msg("%s: not among the maps of state.c: an upgrade forgets it", name);
	}
	bpf_object__close(obj);
}

static void test_every_pin_is_a_map(void **unused)
{
	struct bpf_object *obj = state_object();

	assert_non_null(obj);
	for (int i = 0; i < MAP_MAX; i++) {
		assert_non_null(state_map_name(i));
		assert_non_null(state_map_pin(i));
		if (!bpf_object__find_map_by_name(obj, state_map_name(i)))
			fail_msg("%s: no map of the programs", state_map_name(i));
	}
	bpf_object__close(obj);
}

static void test_pins_differ(void **unused)
{
	for (int i = 0; i < MAP_MAX; i++)
		for (int j = 0; j < i; j++) {
			assert_string_not_equal(state_map_name(i), state_map_name(j));
			assert_string_not_equal(state_map_pin(i), state_map_pin(j));
		}
}

/* What ABI 1 pinned, 23 maps, is all that a migration finds. */
static void test_abi1(void **unused)
{
	int n = 0;

	for (int i = 0; i < MAP_MAX; i++) {
		n += state_map_is_in(i, 1);
		assert_true(state_map_is_in(i, TPROXY_ABI));
	}
	assert_int_equal(n, 23);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_map_is_pinned),
		cmocka_unit_test(test_every_pin_is_a_map),
		cmocka_unit_test(test_pins_differ),
		cmocka_unit_test(test_abi1),
	};

	return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
