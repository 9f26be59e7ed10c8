/* SPDX-License-Identifier: BSD-2-Clause */
/* The file FAULT_FILE, which preload.so and `fault` both map. */
#ifndef TESTS_PRELOAD_H
#define TESTS_PRELOAD_H

#include <stdatomic.h>
#include <stdint.h>

#define FAULT_SITES 512
#define FAULT_OBJECT_SHIFT                                                                         \
	48 /* of a site: offset in the file below, which file above (0: the program) */

/* Numbers begin with 1 and count from when the kind was armed. */
struct fault_plan {
	_Atomic uint32_t armed;
	uint32_t error; /* errno */
	uint64_t first; /* the call to fail */
	uint64_t every; /* and each that many calls later */
	uint64_t most;  /* but not more than these */
	uint32_t fresh; /* only where none has failed yet */
	_Atomic uint64_t calls;
	_Atomic uint64_t failed;
};

struct fault_page {
	struct fault_plan alloc;
	struct fault_plan close;
	_Atomic uint64_t bad_closes; /* of descriptors that were not open */
	/* Where the program and its libraries got no memory, since the start. 0: free. */
	_Atomic uint64_t sites[FAULT_SITES];
};

#endif
