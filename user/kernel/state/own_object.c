/* SPDX-License-Identifier: BSD-2-Clause */
/* Must not include state.h: it knows no state. */
#include "kernel/state/own_object.h"

#include <zlib.h>

#include "own.skel.h"

struct bpf_object *own_object(__u32 seed)
{
	struct own_bpf *skel = own_bpf__open();
	struct bpf_object *obj;

	if (!skel)
		return NULL;
	skel->rodata->token_seed = seed;
	obj = skel->obj;
	skel->obj = NULL; /* outlives the skeleton */
	own_bpf__destroy(skel);
	return obj;
}

__u32 own_object_crc(__u32 crc)
{
	size_t size;
	const void *bytes = own_bpf__elf_bytes(&size);

	return (__u32)crc32(crc, bytes, (unsigned int)size);
}
