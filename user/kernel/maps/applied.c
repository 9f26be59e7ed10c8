/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/maps/applied.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/mman.h>
#include <zlib.h>

#include "kernel/maps/policy_slots.h"

#define MAGIC 0x74707232u
#define MAGIC_ABI1 0x74707231u /* without settings */
#define CHUNK 4096u

/* At the beginning of the pinned bytes; scopes and the compressed text follow. */
struct head {
	__u32 magic;
	__u32 ids[APPLIED_MAPS];
	__u32 scopes_len;
	__u32 text_len; /* uncompressed; 0: none */
	__u32 zip_len;
	__u8 unreadable, link_local, audit;
	__u8 owners; /* 1: names of owners follow the text, see owner_names.h */
};

/* Pins keep the names that earlier builds gave them. */
static const char *const names[] = { "internal/document0", "internal/document1",
				     "internal/document_next" };
#define STAGED names[2]

void applied_free(struct applied *applied)
{
	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		free(applied->scopes[i].items);
	owner_names_free(&applied->owners);
	free(applied->text);
	*applied = (struct applied){ 0 };
}

_Static_assert(MAP_DST4 == 0 && MAP_RULES == APPLIED_MAPS - 1, "the policy maps come first");

int applied_ids(const struct state *state, __u32 *ret_ids)
{
	for (int map = 0; map < APPLIED_MAPS; map++) {
		struct bpf_map_info info = { 0 };
		__u32 len = sizeof(info);

		if (bpf_obj_get_info_by_fd(state->map[map], &info, &len))
			return -errno;
		ret_ids[map] = info.id;
	}
	return 0;
}

/* ---- scopes as bytes: rule, number of names, names ---------------------- */

static size_t pack_scopes(const struct applied *applied, __u8 *to)
{
	size_t len = 0;

	for (int i = 0; i < TPROXY_MAX_RULES; i++) {
		const struct name_set *set = &applied->scopes[i];
		__u16 n = (__u16)set->n;

		if (!set->n)
			continue;
		if (to) {
			to[len] = (__u8)i;
			memcpy(to + len + 1, &n, sizeof(n));
			memcpy(to + len + 3, set->items, set->n * sizeof(*set->items));
		}
		len += 3 + set->n * sizeof(*set->items);
	}
	return len;
}

static int unpack_scopes(const __u8 *from, size_t len, struct applied *applied)
{
	size_t at = 0;

	while (at + 3 <= len) {
		__u8 rule = from[at];
		__u16 n;

		memcpy(&n, from + at + 1, sizeof(n));
		at += 3;
		if (rule >= TPROXY_MAX_RULES || at + n * sizeof(*applied->scopes->items) > len)
			return -EBADMSG;
		for (__u16 i = 0; i < n; i++, at += TPROXY_IFNAME_LEN) {
			char name[TPROXY_IFNAME_LEN];
			int err;

			memcpy(name, from + at, sizeof(name));
			name[sizeof(name) - 1] = '\0';
			err = name_set_add(&applied->scopes[rule], name);
			if (err)
				return err;
		}
	}
	return at == len ? 0 : -EBADMSG;
}

/* ---- the pinned map ----------------------------------------------------- */

struct view {
	void *at;
	size_t len;
};

static void unmap(struct view *view)
{
	if (view->at)
		munmap(view->at, view->len);
}
#define __cleanup_view __attribute__((cleanup(unmap)))

static int map_bytes(int fd, struct view *view)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);
	void *at;

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return -errno;
	if (info.type != BPF_MAP_TYPE_ARRAY || info.value_size != CHUNK)
		return -EMEDIUMTYPE;
	view->len = (size_t)info.max_entries * CHUNK;
	at = mmap(NULL, view->len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	view->at = at;
	return 0;
}

static size_t head_size(const struct head *head)
{
	return head->magic == MAGIC_ABI1 ? offsetof(struct head, unreadable) : sizeof(*head);
}

static bool head_fits(const struct head *head, size_t len)
{
	return (head->magic == MAGIC || head->magic == MAGIC_ABI1) &&
	       (__u64)head_size(head) + head->scopes_len + head->zip_len <= len;
}

/* 0 and a mapped view if this pin describes the maps with these ids, -ENOENT if not. */
static int open_pin(const struct state *state, const char *name, const __u32 *ids,
		    struct view *view)
{
	__cleanup_close int fd = state_get(&state->pins, name);
	const struct head *head;
	int err = fd < 0 ? fd : map_bytes(fd, view);

	if (err)
		return err;
	head = view->at;
	if (head_fits(head, view->len) && !memcmp(head->ids, ids, sizeof(head->ids)))
		return 0;
	unmap(view);
	*view = (struct view){ 0 };
	return -ENOENT;
}

static int unpack(const struct view *view, bool with_text, struct applied *applied)
{
	const struct head *head = view->at;
	const __u8 *scopes = (const __u8 *)head + head_size(head);
	uLongf len = head->text_len;
	const __u8 *end = scopes + head->scopes_len + head->zip_len;
	int err = unpack_scopes(scopes, head->scopes_len, applied);

	if (!err && head->magic == MAGIC && head->owners)
		err = owner_names_unpack(end, (size_t)((const __u8 *)head + view->len - end),
					 &applied->owners);
	applied->packed = view->len;
	if (head->magic == MAGIC)
		applied->settings =
			(struct settings){ head->unreadable, head->link_local, head->audit };
	if (err || !with_text || !head->text_len)
		return err;
	applied->text = malloc(len + 1);
	if (!applied->text)
		return -ENOMEM;
	if (uncompress((Bytef *)applied->text, &len, scopes + head->scopes_len, head->zip_len) !=
		    Z_OK ||
	    len != head->text_len)
		return -EBADMSG;
	applied->text[len] = '\0';
	applied->len = len;
	return 0;
}

static int open_any(const struct state *state, struct view *view)
{
	__u32 ids[APPLIED_MAPS];
	int err = applied_ids(state, ids);

	if (err)
		return err;
	err = -ENOENT;
	for (size_t i = 0; i < ARRAY_SIZE(names) && err == -ENOENT; i++)
		err = open_pin(state, names[i], ids, view);
	return err;
}

static int read_any(const struct state *state, bool with_text, struct applied *ret_applied)
{
	struct applied applied __cleanup_applied = { 0 };
	struct view view __cleanup_view = { 0 };
	int err = open_any(state, &view);

	if (!err)
		err = unpack(&view, with_text, &applied);
	if (err)
		return err;
	*ret_applied = applied;
	applied = (struct applied){ 0 };
	return 0;
}

int applied_read(const struct state *state, struct applied *ret_applied)
{
	return read_any(state, true, ret_applied);
}

int applied_read_scopes(const struct state *state, struct applied *ret_applied)
{
	return read_any(state, false, ret_applied);
}

/* A map with the record's bytes, for the maps of `of`. Descriptor or -errno. */
static int make_map(const struct state *of, const struct applied *applied)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	struct head head = { .magic = MAGIC,
			     .text_len = (__u32)applied->len,
			     .unreadable = applied->settings.unreadable,
			     .link_local = applied->settings.link_local,
			     .audit = applied->settings.audit,
			     .owners = 1 };
	struct view view __cleanup_view = { 0 };
	__cleanup_close int fd = -1;
	__cleanup_free Bytef *zip = NULL;
	uLongf zip_len = applied->len ? compressBound(applied->len) : 0;
	const size_t owners_len = owner_names_pack(&applied->owners, NULL);
	size_t len;
	__u8 *to;
	int err;

	zip = malloc(zip_len + 1);
	if (!zip || (applied->len && compress2(zip, &zip_len, (const Bytef *)applied->text,
					       applied->len, Z_BEST_SPEED) != Z_OK))
		return -ENOMEM;
	err = applied_ids(of, head.ids);
	if (err)
		return err;
	head.scopes_len = (__u32)pack_scopes(applied, NULL);
	head.zip_len = (__u32)zip_len;
	len = sizeof(head) + head.scopes_len + zip_len;
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "document", sizeof(__u32), CHUNK,
			    (__u32)((len + owners_len) / CHUNK + 1), &opts);
	if (fd < 0)
		return -errno;
	err = map_bytes(fd, &view);
	if (err)
		return err;
	to = view.at;
	memcpy(to, &head, sizeof(head));
	pack_scopes(applied, to + sizeof(head));
	memcpy(to + sizeof(head) + head.scopes_len, zip, zip_len);
	owner_names_pack(&applied->owners, to + len);
	return take_fd(&fd);
}

int applied_stage(const struct state *state, const struct state *next,
		  const struct applied *applied)
{
	__cleanup_close int fd = make_map(next, applied);
	int err = fd < 0 ? fd : pindir_unlink(&state->pins, STAGED);

	return err ? err : state_pin(&state->pins, STAGED, fd);
}

int applied_write_slot(const struct state *state, __u32 slot, const struct applied *applied)
{
	int err = applied_stage(state, state, applied);

	return err ? err : pindir_rename(&state->pins, STAGED, names[slot]);
}

int applied_write(const struct state *state, const struct applied *applied)
{
	return applied_write_slot(state, policy_slots_live(state), applied);
}

int applied_settle(const struct state *state)
{
	struct view view __cleanup_view = { 0 };
	__u32 ids[APPLIED_MAPS];
	int err = applied_ids(state, ids);

	if (err)
		return err;
	if (!open_pin(state, STAGED, ids, &view))
		return pindir_rename(&state->pins, STAGED, names[policy_slots_live(state)]);
	return pindir_unlink(&state->pins, STAGED);
}

/* ---- contents ----------------------------------------------------------- */

int applied_take_scopes(struct applied *applied, const struct policy *policy)
{
	int err = 0;

	for (int i = 0; i < TPROXY_MAX_RULES && !err; i++) {
		applied->scopes[i].n = 0;
		if (policy->rules[i].used)
			err = name_set_merge(&applied->scopes[i], &policy->rules[i].interfaces);
	}
	return err ? err : owner_names_take(&applied->owners, policy);
}

int applied_give_scopes(const struct applied *applied, struct policy *policy)
{
	int err = 0;

	for (int i = 0; i < TPROXY_MAX_RULES && !err; i++)
		if (policy->rules[i].used)
			err = name_set_merge(&policy->rules[i].interfaces, &applied->scopes[i]);
	return err ? err : owner_names_give(&applied->owners, policy);
}

int applied_take_text(struct applied *applied, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	free(applied->text);
	applied->text = copy;
	applied->len = strlen(copy);
	return 0;
}
