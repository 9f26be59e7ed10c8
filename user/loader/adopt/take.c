/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/adopt/take.h"

#include <string.h>

#include "kernel/adopt/socket.h"
#include "loader/adopt/refusal.h"
#include "loader/adopt/words.h"

struct visit {
	struct take *take;
	const struct process *process;
};

/* A recorded one that is not transparent: an adoption was interrupted. */
static bool is_wanted(const struct take *take, const struct listener *listener)
{
	return listener->protocol == take->record->key.protocol &&
	       listener->port == take->record->key.port &&
	       (!records_socket(take->records, listener->cookie) || !listener->transparent);
}

/* Those of the user first: another one could fill the list with sockets on other addresses. */
size_t take_look(struct take *take)
{
	const __u32 uid = take->record->value.sock_uid;

	take->n = 0;
	for (int others = 0; others < 2; others++)
		for (size_t i = 0; i < take->listeners->n && take->n < TAKE_MAX; i++) {
			const struct listener *listener = &take->listeners->items[i];

			if ((listener->uid != uid) == others && is_wanted(take, listener))
				take->wanted[take->n++] = listener;
		}
	return take->n;
}

static const struct listener *find(const struct take *take, __u32 inode, size_t *ret_at)
{
	for (size_t i = 0; i < take->n; i++) {
		if (take->wanted[i]->inode != inode)
			continue;
		*ret_at = i;
		return take->wanted[i];
	}
	return NULL;
}

/*
 * Anybody may hold a socket of another user that was handed over, or may have become another
 * program meanwhile. Neither is followed.
 */
static bool is_fit(const struct visit *v, const struct socket_info *info,
		   const struct listener *listener)
{
	return socket_is(info, listener->cookie, listener->inode) &&
	       info->uid == v->take->record->value.sock_uid && !refusal_of_socket(info) &&
	       process_is_unchanged(v->process);
}

/* Recorded before it is changed: `release` then undoes it, whatever happens in between. */
static int make_transparent(const struct visit *v, int fd, const struct socket_info *info,
			    const struct listener *listener)
{
	const struct adopted_socket value = { .key = v->take->record->key,
					      .made = !listener->transparent,
					      .pid = (__u32)v->process->pid };
	int err = records_put_socket(v->take->records, listener->cookie, &value);

	if (err || listener->transparent)
		return err;
	err = socket_set_transparent(fd, info, true);
	if (err)
		records_del_socket(v->take->records, listener->cookie);
	return err;
}

static int take_fd_of(const struct visit *v, int fd, const struct socket_info *info,
		      const struct listener *listener)
{
	char text[WORDS_LEN];
	int err = 0;

	words_listener(listener, text);
	log_step("%s of %s (pid %d): %s", text, v->process->comm, (int)v->process->pid,
		 listener->transparent ? "transparent already" : "IP_TRANSPARENT");
	if (!v->take->session->dry_run)
		err = make_transparent(v, fd, info, listener);
	if (err)
		log_error("%s of %s (pid %d): cannot become transparent: %s%s", text,
			  v->process->comm, (int)v->process->pid, strerror(-err),
			  err == -EPERM ? " (CAP_NET_ADMIN is missing)" : "");
	return err;
}

static int visit_socket(int number, __u32 inode, void *arg)
{
	struct visit *v = arg;
	struct take *take = v->take;
	size_t at;
	const struct listener *listener = find(take, inode, &at);
	struct socket_info info;

	if (!listener)
		return 0;
	__cleanup_close int fd = process_take_fd(v->process, number);
	if (fd < 0 || socket_examine(fd, &info) || !is_fit(v, &info, listener))
		return 0;
	take->err = take_fd_of(v, fd, &info, listener);
	if (take->err)
		return 1;
	take->taken++;
	take->pid = v->process->pid;
	take->wanted[at] = take->wanted[--take->n];
	return !take->n;
}

static int visit_process(const struct process *process, void *arg)
{
	struct take *take = arg;
	const struct process_identity identity = records_identity(&take->record->key);
	struct visit v = { take, process };

	if (!process_is(process, &identity))
		return 0;
	process_walk_sockets(process, visit_socket, &v);
	return take->err || !take->n;
}

int take_run(struct take *take)
{
	if (!take->n)
		return 0;
	process_walk(visit_process, take);
	return take->err;
}
