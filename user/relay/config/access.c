/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/config/access.h"

#include <limits.h>
#include <stdarg.h>
#include <string.h>

#include "lib/mapped.h"
#include "lib/util.h"

#define LINE_LEN 256
#define V4MAPPED_BITS (MAPPED_LEN * 8)

const char *const access_names[ACCESS_MAX] = {
	[ACCESS_DENY] = "deny",
	[ACCESS_ALLOW] = "allow",
	[ACCESS_DENY_FROM] = "deny-from",
	[ACCESS_ALLOW_FROM] = "allow-from",
};

/* Lists are read by the main thread only. */
static char why[512];

static int __printf(2, 3) explain(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return err;
}

/* As saddr_from does with addresses. */
static void unmap_prefix(struct prefix *p)
{
	if (p->family != AF_INET6 || p->len < V4MAPPED_BITS || !mapped_is(p->addr))
		return;
	p->family = AF_INET;
	p->len -= V4MAPPED_BITS;
	memmove(p->addr, p->addr + MAPPED_LEN, 4);
	memset(p->addr + 4, 0, sizeof(p->addr) - 4);
}

/*
 * Cuts "PREFIX:PORTS" in two, in place; *ret_ports is NULL if there are none. A
 * colon belongs to an IPv6 address unless brackets end before it or it is the only one.
 */
static int split_ports(char *item, char **ret_prefix, char **ret_ports)
{
	char *colon = strchr(item, ':');

	*ret_prefix = item;
	*ret_ports = NULL;
	if (item[0] == '[') {
		char *end = strchr(item, ']');

		if (!end || (end[1] && end[1] != ':'))
			return -EINVAL;
		*end = '\0';
		*ret_prefix = item + 1;
		*ret_ports = end[1] ? end + 2 : NULL;
	} else if (colon && !strchr(colon + 1, ':')) {
		*colon = '\0';
		*ret_ports = colon + 1;
	}
	return 0;
}

static int add_everything(struct access_tree *tree, const struct port_range *range)
{
	struct prefix p = { .family = AF_INET };
	int err = access_tree_add(tree, &p, range);

	p.family = AF_INET6;
	return err ? err : access_tree_add(tree, &p, range);
}

static int add_item(struct access *access, enum access_id id, const char *item)
{
	struct access_tree *tree = &access->trees[id];
	bool clients = id == ACCESS_DENY_FROM || id == ACCESS_ALLOW_FROM;
	struct port_range range = { 0 };
	char copy[LINE_LEN];
	const char *cause = "";
	char *text, *ports;
	struct prefix p;
	int err;

	snprintf(copy, sizeof(copy), "%s", item);
	if (split_ports(copy, &text, &ports))
		return explain(-EINVAL, "%s: brackets are not closed", item);
	if (ports && clients)
		return explain(-EINVAL, "%s: clients have no ports here", item);
	if (ports && parse_port_range(ports, &range, &cause))
		return explain(-EINVAL, "%s: %s", item, cause);
	if (!strcmp(text, "all"))
		return add_everything(tree, &range);
	err = parse_prefix(text, &p, &cause);
	if (err)
		return explain(err, "%s: %s", item, cause);
	unmap_prefix(&p);
	return access_tree_add(tree, &p, &range);
}

/* Without comment and the blanks around; in place. */
static char *strip(char *line)
{
	size_t len;

	line += strspn(line, " \t");
	len = strcspn(line, "#;\r\n");
	while (len && (line[len - 1] == ' ' || line[len - 1] == '\t'))
		len--;
	line[len] = '\0';
	return line;
}

static int add_file(struct access *access, enum access_id id, const char *path)
{
	__cleanup_file FILE *file = fopen(path, "re");
	char line[LINE_LEN];
	int err = 0;

	if (!file)
		return explain(-errno, "%s: cannot be read: %s", path, strerror(errno));
	for (unsigned int number = 1; !err && fgets(line, sizeof(line), file); number++) {
		char cause[LINE_LEN + 128];
		char *item;

		if (!strchr(line, '\n') && !feof(file))
			return explain(-EINVAL, "%s:%u: line too long", path, number);
		item = strip(line);
		if (!*item)
			continue;
		err = add_item(access, id, item);
		if (!err)
			continue;
		snprintf(cause, sizeof(cause), "%s", why);
		explain(err, "%s:%u: %s", path, number, cause);
	}
	if (!err && ferror(file))
		return explain(-EIO, "%s: cannot be read: %s", path, strerror(errno));
	return err;
}

/* As for the lists of rules: whatever the working directory is. */
static int add_file_beside(struct access *access, enum access_id id, const char *from,
			   const char *name)
{
	const char *slash = from && *name != '/' ? strrchr(from, '/') : NULL;
	char path[PATH_MAX];
	int len = slash ? (int)(slash - from) + 1 : 0;

	if (snprintf(path, sizeof(path), "%.*s%s", len, len ? from : "", name) >= PATH_MAX)
		return explain(-ENAMETOOLONG, "%.80s...: too long", name);
	return add_file(access, id, path);
}

int access_add(struct access *access, enum access_id id, const char *from, const char *text,
	       const char **ret_why)
{
	char copy[4096];
	char *rest = copy;
	char *item;
	int err = 0;

	*ret_why = why;
	if (!text[strspn(text, ", \t")])
		return explain(-EINVAL, "empty");
	access->given[id] = true;
	if (strlen(text) >= sizeof(copy))
		return explain(-E2BIG, "too long (put it into a file and name that as @FILE)");
	strcpy(copy, text);
	while (!err && (item = strsep(&rest, ", \t"))) {
		if (!*item)
			continue;
		/* Should memory run out, whatever is said is from before. */
		explain(0, "%s: out of memory", item);
		if (strlen(item) >= LINE_LEN)
			err = explain(-E2BIG, "%.32s...: too long", item);
		else
			err = item[0] == '@' ? add_file_beside(access, id, from, item + 1) :
					       add_item(access, id, item);
	}
	return err;
}

const char *access_check(const struct access *access, const union saddr *client,
			 const union saddr *dst)
{
	const struct access_tree *trees = access->trees;

	if (access_tree_has(&trees[ACCESS_DENY_FROM], client))
		return access_names[ACCESS_DENY_FROM];
	if (access_tree_has(&trees[ACCESS_DENY], dst))
		return access_names[ACCESS_DENY];
	if (access->given[ACCESS_ALLOW_FROM] && !access_tree_has(&trees[ACCESS_ALLOW_FROM], client))
		return access_names[ACCESS_ALLOW_FROM];
	if (access->given[ACCESS_ALLOW] && !access_tree_has(&trees[ACCESS_ALLOW], dst))
		return access_names[ACCESS_ALLOW];
	return NULL;
}

void access_free(struct access *access)
{
	for (int id = 0; id < ACCESS_MAX; id++)
		access_tree_free(&access->trees[id]);
}
