/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target: the data path's parser, compiled as plain C, and the reference read the same
 * frame. `make fuzz` builds it; tests/unit/test_packet runs the corpus.
 */
#include <stdint.h>
#include <stdio.h>

#include "../unit/packet_compare.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *wrong;

	if (size < ETH_HLEN)
		return -1;
	wrong = packet_check(data, size);
	if (wrong) {
		fprintf(stderr, "%s differ\n", wrong);
		abort();
	}
	return 0;
}
