/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/probe/dropsite.h"

#include <bpf/btf.h>
#include <string.h>

#include "lib/util.h"

#define PREFIX "SKB_DROP_REASON_"

static void free_btf(struct btf **btf)
{
	btf__free(*btf);
}

static const char *enum_name(const struct btf *btf, const struct btf_type *type, __u32 value)
{
	const struct btf_enum *e = btf_enum(type);

	for (int i = 0; i < btf_vlen(type); i++)
		if ((__u32)e[i].val == value)
			return btf__name_by_offset(btf, e[i].name_off);
	return NULL;
}

void dropsite_reason(__u32 reason, char *ret_name, size_t size)
{
	struct btf *btf __attribute__((cleanup(free_btf))) = btf__load_vmlinux_btf();
	const char *name = NULL;
	int id = btf ? btf__find_by_name_kind(btf, "skb_drop_reason", BTF_KIND_ENUM) : -1;

	if (id > 0)
		name = enum_name(btf, btf__type_by_id(btf, (__u32)id), reason);
	if (name && !strncmp(name, PREFIX, strlen(PREFIX)))
		name += strlen(PREFIX);
	snprintf(ret_name, size, "%s", name ? name : "");
}

void dropsite_function(__u64 address, char *ret_name, size_t size)
{
	__cleanup_file FILE *file = fopen("/proc/kallsyms", "re");
	unsigned long long at, best = 0;
	char line[512], name[128], kind;

	*ret_name = '\0';
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%llx %c %127s", &at, &kind, name) != 3 || at > address ||
		    at <= best || !strchr("tTwW", kind))
			continue;
		best = at;
		snprintf(ret_name, size, "%s", name);
	}
}
