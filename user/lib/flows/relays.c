/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/flows/relays.h"

#include <string.h>
#include <sys/stat.h>

#include "lib/rundir.h"
#include "lib/util.h"

#define ENDING ".flows"
#define RELAYS_MAX 64 /* that exist: root made them */

struct finding {
	char prefix[128]; /* of the path, up to the name of the relay */
	struct flows_relay *relays;
	size_t n, room;
	bool closed; /* to us */
};

static int namespace_inode(unsigned long *ret_inode)
{
	struct stat st;

	if (stat("/proc/self/ns/net", &st))
		return -errno;
	*ret_inode = st.st_ino;
	return 0;
}

int flows_socket_name(const char *relay, char *ret_socket)
{
	unsigned long inode;
	int err = namespace_inode(&inode);

	if (!err && snprintf(ret_socket, FLOWS_SOCKET_LEN, "relay-%lu-%s" ENDING, inode, relay) >=
			    FLOWS_SOCKET_LEN)
		err = -ENAMETOOLONG;
	return err;
}

static bool is_known(const struct finding *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++)
		if (!strcmp(f->relays[i].name, name))
			return true;
	return false;
}

/* Everybody may name a socket like this in a mount namespace of his own; only root can here. */
static bool exists(struct finding *f, const char *path)
{
	struct stat st;

	if (!lstat(path, &st))
		return S_ISSOCK(st.st_mode);
	f->closed |= errno == EACCES;
	return false;
}

/* The path has one line for each socket: the one that listens, and those of its clients. */
static int take_path(struct finding *f, const char *path)
{
	size_t len = strlen(path), prefix = strlen(f->prefix), ending = strlen(ENDING);
	struct flows_relay relay;
	int err;

	if (strncmp(path, f->prefix, prefix) || len <= prefix + ending ||
	    strcmp(path + len - ending, ENDING))
		return 0;
	len -= prefix + ending;
	if (len >= sizeof(relay.name))
		return 0;
	memcpy(relay.name, path + prefix, len);
	relay.name[len] = '\0';
	if (f->n == RELAYS_MAX || is_known(f, relay.name) || !exists(f, path))
		return 0;
	err = array_room((void **)&f->relays, f->n, &f->room, sizeof(relay));
	if (!err)
		f->relays[f->n++] = relay;
	return err;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct flows_relay *)a)->name, ((const struct flows_relay *)b)->name);
}

/* The sockets of this network namespace, one a line; the path comes last. */
static int read_paths(struct finding *f)
{
	__cleanup_file FILE *in = fopen("/proc/self/net/unix", "re");
	__cleanup_free char *line = NULL;
	size_t room = 0;
	int err = 0;

	if (!in)
		return -errno;
	while (!err && getline(&line, &room, in) > 0) {
		char *path = strstr(line, f->prefix);

		if (!path)
			continue;
		path[strcspn(path, "\n")] = '\0';
		err = take_path(f, path);
	}
	return err;
}

int flows_relays(struct flows_relay **ret_relays, size_t *ret_n)
{
	struct finding f = { .n = 0 };
	unsigned long inode = 0;
	int err = namespace_inode(&inode);

	if (err)
		return err;
	snprintf(f.prefix, sizeof(f.prefix), "%s/relay-%lu-", rundir_path(), inode);
	err = read_paths(&f);
	if (!err && !f.n && f.closed)
		err = -EACCES;
	if (err) {
		free(f.relays);
		return err;
	}
	if (f.n)
		qsort(f.relays, f.n, sizeof(*f.relays), by_name);
	*ret_relays = f.relays;
	*ret_n = f.n;
	return 0;
}
