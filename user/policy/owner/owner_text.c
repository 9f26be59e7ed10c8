/* SPDX-License-Identifier: BSD-2-Clause */
/* Owners as people write them. */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/util.h"
#include "policy/owner/owner.h"

#define USER_NAME_MAX 255

/* Decimal digits only. *ret_end: what follows. */
static int parse_id(const char *text, __u64 max, __u64 *ret_id, const char **ret_end)
{
	unsigned long long id;
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	id = strtoull(text, &end, 10);
	if (errno || id > max)
		return -ERANGE;
	*ret_id = id;
	*ret_end = end;
	return 0;
}

/* "1000" or "1000-1999". */
static int parse_ids(const char *text, struct owner_item *owner)
{
	const char *end;
	int err = parse_id(text, OWNER_MAX_UID, &owner->first, &end);

	owner->last = owner->first;
	if (!err && *end == '-')
		err = parse_id(end + 1, OWNER_MAX_UID, &owner->last, &end);
	owner->known = !err && !*end && owner->last >= owner->first;
	return owner->known ? 0 : -EINVAL;
}

/* Words of a list, in a file as in a shell. */
static bool is_word(const char *text, size_t max)
{
	size_t len = strlen(text);

	if (!len || len > max)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isgraph((unsigned char)text[i]) || strchr(",;#", text[i]))
			return false;
	return true;
}

static int take_name(const char *text, struct owner_item *owner, const char **ret_why)
{
	owner->name = strdup(text);
	*ret_why = "out of memory";
	return owner->name ? 0 : -ENOMEM;
}

static int parse_account(const char *text, struct owner_item *owner, const char **ret_why)
{
	if (!isdigit((unsigned char)*text)) {
		if (is_word(text, USER_NAME_MAX) && !strpbrk(text, "/:@=") && *text != '-')
			return take_name(text, owner, ret_why);
		*ret_why = "not a name, an id or a range of ids";
		return -EINVAL;
	}
	if (!parse_ids(text, owner))
		return 0;
	*ret_why = "ids are 0 to 4294967294, a range is 1000-1999";
	return -EINVAL;
}

/* ---- cgroups ------------------------------------------------------------ */

/* No empty part, "." or "..". */
static bool is_plain_path(const char *path)
{
	while (*path == '/' && path[1]) {
		size_t len = strcspn(++path, "/");

		if (!len || (len == 1 && *path == '.') || (len == 2 && !strncmp(path, "..", 2)))
			return false;
		path += len;
	}
	return !*path;
}

/* As in /proc/PID/cgroup: with a slash before it, and none after it. */
static int parse_path(const char *text, struct owner_item *owner, const char **ret_why)
{
	char path[OWNER_NAME_MAX + 2];
	size_t len = (size_t)snprintf(path, sizeof(path), "%s%s", *text == '/' ? "" : "/", text);

	while (len > 1 && len < sizeof(path) && path[len - 1] == '/')
		path[--len] = '\0';
	if (*text && is_word(path, OWNER_NAME_MAX) && (len == 1 || is_plain_path(path)))
		return take_name(path, owner, ret_why);
	*ret_why = "not the path of a cgroup, or its id";
	return -EINVAL;
}

static int parse_cgroup(const char *text, struct owner_item *owner, const char **ret_why)
{
	const char *end;

	if (!*text || text[strspn(text, "0123456789")])
		return parse_path(text, owner, ret_why);
	owner->known = !parse_id(text, UINT64_MAX, &owner->first, &end) && owner->first;
	owner->last = owner->first;
	*ret_why = "the id of a cgroup is 1 or more, of 64 bits";
	return owner->known ? 0 : -EINVAL;
}

int owner_parse(enum tproxy_owner_kind kind, const char *text, struct owner_item *ret_owner,
		const char **ret_why)
{
	struct owner_item owner = { 0 };
	int err = kind == TPROXY_OWNER_CGROUP ? parse_cgroup(text, &owner, ret_why) :
						parse_account(text, &owner, ret_why);

	if (!err)
		*ret_owner = owner;
	return err;
}

const char *owner_text(const struct owner_item *owner, char *buf)
{
	if (owner->name)
		return owner->name;
	if (owner->first == owner->last)
		snprintf(buf, OWNER_TEXT_LEN, "%" PRIu64, (uint64_t)owner->first);
	else
		snprintf(buf, OWNER_TEXT_LEN, "%" PRIu64 "-%" PRIu64, (uint64_t)owner->first,
			 (uint64_t)owner->last);
	return buf;
}
