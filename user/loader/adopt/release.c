/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/adopt/release.h"

#include <string.h>

#include "kernel/adopt/socket.h"
#include "kernel/events/report.h"
#include "kernel/shim/shim.h"
#include "lib/listeners.h"
#include "loader/adopt/shims.h"
#include "loader/adopt/words.h"

struct release {
	struct session *session;
	struct records records;
	struct listeners listeners;
	const struct record *record; /* that is released now */
	size_t left;                 /* sockets that are still to be found */
	const struct process *process;
	int err; /* of the record */
	int result;
};

static void release_close(struct release *r)
{
	records_close(&r->records);
	listeners_free(&r->listeners);
}
#define __cleanup_release __attribute__((cleanup(release_close)))

static bool is_of(const struct record_socket *socket, const struct record *record)
{
	return !memcmp(&socket->value.key, &record->key, sizeof(record->key));
}

/* ---- sockets ------------------------------------------------------------ */

static struct record_socket *by_inode(const struct release *r, __u32 inode,
				      const struct listener **ret_listener)
{
	for (size_t i = 0; i < r->records.n_sockets; i++) {
		struct record_socket *socket = &r->records.sockets[i];
		const struct listener *listener =
			listeners_by_cookie(&r->listeners, socket->cookie);

		if (!is_of(socket, r->record) || !listener || listener->inode != inode)
			continue;
		*ret_listener = listener;
		return socket;
	}
	return NULL;
}

static int undo(const struct release *r, int fd, const struct socket_info *info,
		const struct record_socket *socket)
{
	int err = 0;

	if (socket->value.made && !r->session->dry_run)
		err = socket_set_transparent(fd, info, false);
	if (!err && !r->session->dry_run)
		err = records_del_socket(&r->records, socket->cookie);
	return err;
}

static int visit_socket(int number, __u32 inode, void *arg)
{
	struct release *r = arg;
	const struct listener *listener;
	struct record_socket *socket = by_inode(r, inode, &listener);
	struct socket_info info;
	char text[WORDS_LEN];
	int err;

	if (!socket)
		return 0;
	__cleanup_close int fd = process_take_fd(r->process, number);
	if (fd < 0 || socket_examine(fd, &info) || !socket_is(&info, socket->cookie, inode))
		return 0;
	words_listener(listener, text);
	log_step("%s of %s (pid %d): %s", text, r->process->comm, (int)r->process->pid,
		 socket->value.made ? "no longer transparent" : "stays transparent, as it was");
	err = undo(r, fd, &info, socket);
	if (err)
		log_error("%s of %s: cannot be released: %s", text, r->process->comm,
			  strerror(-err));
	r->err = first_error(r->err, err);
	/* Once it is done, other descriptors of the same socket are of no interest. */
	socket->value.key.port = 0;
	return !--r->left;
}

static int visit_process(const struct process *process, void *arg)
{
	struct release *r = arg;

	r->process = process;
	process_walk_sockets(process, visit_socket, r);
	return !r->left;
}

/* Those that are closed need nothing but to be forgotten. */
static void count_left(struct release *r)
{
	r->left = 0;
	for (size_t i = 0; i < r->records.n_sockets; i++) {
		const struct record_socket *socket = &r->records.sockets[i];

		if (!is_of(socket, r->record))
			continue;
		if (listeners_by_cookie(&r->listeners, socket->cookie))
			r->left++;
		else if (!r->session->dry_run)
			records_del_socket(&r->records, socket->cookie);
	}
}

static int release_sockets(struct release *r)
{
	char text[WORDS_LEN];

	count_left(r);
	if (r->left)
		process_walk(visit_process, r);
	if (!r->left)
		return r->err;
	log_error("%s: %zu of its sockets cannot be reached, and stay transparent (run as root)",
		  words_record(r->record, text), r->left);
	return -EACCES;
}

/* ---- records ------------------------------------------------------------ */

static void release_record(struct release *r, size_t i)
{
	const struct record record = r->records.items[i];
	char text[WORDS_LEN];
	int err;

	r->record = &record;
	r->err = 0;
	err = release_sockets(r);
	r->records.items[i].value.cgroup[0] = '\0'; /* it needs no shim any more */
	err = first_error(err, shims_release(r->session, &r->records, &record));
	if (!err && !r->session->dry_run)
		err = records_del(&r->records, &record.key);
	if (!err && !r->session->dry_run)
		event_report_adopted(&r->session->state, TPROXY_EVENT_RELEASED,
				     words_record(&record, text));
	r->result = first_error(r->result, err);
}

static int open_all(struct release *r)
{
	int err = records_open(&r->session->state, &r->records);

	if (!err && r->records.n)
		err = listeners_read(&r->listeners);
	if (err)
		log_error("%s: cannot read what is adopted: %s", r->session->state.dir,
			  strerror(-err));
	return err;
}

int release_all(struct session *session)
{
	struct release r __cleanup_release = { .session = session, .records = RECORDS_CLOSED };
	int err = open_all(&r);

	for (size_t i = 0; i < r.records.n && !err; i++)
		release_record(&r, i);
	return err ? err : r.result;
}

static bool is_run_by(const struct record *record, const struct process *process, pid_t pid)
{
	const struct process_identity identity = records_identity(&record->key);

	if (process->pidfd < 0)
		return record->value.pid == (__u32)pid;
	return process_is(process, &identity);
}

int release_pid(struct session *session, pid_t pid)
{
	struct release r __cleanup_release = { .session = session, .records = RECORDS_CLOSED };
	struct process process __cleanup_process = PROCESS_CLOSED;
	int err = open_all(&r);
	size_t released = 0;

	if (err)
		return err;
	process_open(pid, &process); /* it may be gone, and its program may come back */
	for (size_t i = 0; i < r.records.n; i++) {
		if (!is_run_by(&r.records.items[i], &process, pid))
			continue;
		release_record(&r, i);
		released++;
	}
	if (released)
		return r.result;
	log_error("pid %d: it is not adopted (tproxy-loader adopt --list)", (int)pid);
	return -ESRCH;
}

int release_everything(struct session *session)
{
	struct shim shims[SHIM_MAX];
	int n, result = release_all(session);

	n = shim_list(&session->state, shims);
	for (int i = 0; i < n; i++)
		result = first_error(result, shims_off(session, shims[i].path));
	return result;
}
