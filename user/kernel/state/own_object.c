/* SPDX-License-Identifier: BSD-2-Clause */
/* Must not include state.h: it knows no state. */
#include "kernel/state/own_object.h"

#include <string.h>
#include <zlib.h>

#include "lib/util.h"
#include "own.skel.h"

/*
 * LOCKDOWN_BPF_READ_KERNEL, of kernel_lockdown(7): no program may have bpf_probe_read_kernel then.
 */
static bool is_locked_down(void)
{
	__cleanup_file FILE *file = fopen("/sys/kernel/security/lockdown", "re");
	char line[128];

	return file && fgets(line, sizeof(line), file) && strstr(line, "[confidentiality]");
}

struct bpf_object *own_object(__u32 seed)
{
	struct own_bpf *skel = own_bpf__open();
	struct bpf_object *obj;

	if (!skel)
		return NULL;
	skel->rodata->token_seed = seed;
	skel->rodata->first_pidns_only = is_locked_down();
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
