/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/adopt/adopt.h"

#include <netinet/in.h>
#include <string.h>

#include "kernel/adopt/records.h"
#include "kernel/adopt/socket.h"
#include "kernel/events/report.h"
#include "lib/listeners.h"
#include "loader/adopt/refusal.h"
#include "loader/adopt/shims.h"
#include "loader/adopt/take.h"
#include "loader/adopt/words.h"

#define MAX_FOUND 64

/* A listener of the process itself. */
struct found {
	const struct listener *listener;
	struct socket_info info;
};

struct adopting {
	struct session *session;
	const struct adopt_want *want;
	struct process process;
	struct listeners listeners;
	struct records records;
	struct found found[MAX_FOUND];
	size_t n;
	int err; /* of taking a descriptor */
	struct adopted_result result;
};

static void adopting_close(struct adopting *a)
{
	process_close(&a->process);
	listeners_free(&a->listeners);
	records_close(&a->records);
}
#define __cleanup_adopting __attribute__((cleanup(adopting_close)))

static int refuse(const struct adopting *a, const char *why)
{
	log_error("adopt: %s (pid %d): %s", a->process.comm, (int)a->process.pid, why);
	return EXIT_FAILED;
}

/* ---- looking ------------------------------------------------------------ */

static const struct listener *by_inode(const struct adopting *a, __u32 inode)
{
	for (size_t i = 0; i < a->listeners.n; i++)
		if (a->listeners.items[i].inode == inode)
			return &a->listeners.items[i];
	return NULL;
}

static bool is_wanted(const struct adopting *a, const struct listener *listener)
{
	const struct adopt_want *want = a->want;

	return (!want->port || listener->port == want->port) &&
	       (!want->protocol || listener->protocol == want->protocol);
}

static int find_socket(int number, __u32 inode, void *arg)
{
	struct adopting *a = arg;
	const struct listener *listener = by_inode(a, inode);
	struct found *found = &a->found[a->n];

	if (!listener || !is_wanted(a, listener))
		return 0;
	__cleanup_close int fd = process_take_fd(&a->process, number);
	if (fd < 0) {
		a->err = fd == -EBADF ? 0 : fd;
		return a->err;
	}
	if (socket_examine(fd, &found->info) ||
	    !socket_is(&found->info, listener->cookie, listener->inode))
		return 0;
	found->listener = listener;
	return ++a->n == MAX_FOUND;
}

/* TCP is meant where a program listens by both and neither is named. */
static void prefer_tcp(struct adopting *a)
{
	size_t kept = 0;
	bool tcp = false;

	for (size_t i = 0; i < a->n; i++)
		tcp |= a->found[i].listener->protocol == IPPROTO_TCP;
	for (size_t i = 0; i < a->n; i++)
		if (!tcp || a->want->port || a->found[i].listener->protocol == IPPROTO_TCP)
			a->found[kept++] = a->found[i];
	a->n = kept;
}

static bool has_one_port(const struct adopting *a, char *ret_ports, size_t size)
{
	size_t len = 0;
	bool one = true;

	*ret_ports = '\0';
	for (size_t i = 0; i < a->n; i++) {
		const __u16 port = a->found[i].listener->port;
		bool seen = false;

		for (size_t j = 0; j < i; j++)
			seen |= a->found[j].listener->port == port;
		if (seen)
			continue;
		one = !i;
		if (len < size)
			len += (size_t)snprintf(ret_ports + len, size - len, "%s%u",
						len ? ", " : "", port);
	}
	return one;
}

/* Drops what cannot work. A socket by the other protocol is reason enough to continue. */
static int drop_unfit(struct adopting *a)
{
	const char *why = NULL;
	size_t kept = 0;

	for (size_t i = 0; i < a->n; i++) {
		const char *refusal = refusal_of_socket(&a->found[i].info);

		if (refusal)
			why = refusal;
		else
			a->found[kept++] = a->found[i];
	}
	a->n = kept;
	if (why && kept) {
		log_warn("adopt: %s (pid %d): not all of its sockets: %s", a->process.comm,
			 (int)a->process.pid, why);
		a->result.remarks++;
	}
	return why && !kept ? refuse(a, why) : EXIT_DONE;
}

static int look(struct adopting *a)
{
	const struct refusal_place place = { a->want->port, a->want->protocol };
	char why[REFUSAL_LEN], ports[128];
	int err = process_walk_sockets(&a->process, find_socket, a);

	if (a->err || err < 0)
		return refuse(a, refusal_of_error(a->err ? a->err : err));
	if (!a->n)
		return refuse(a, refusal_of_process(&a->process, &place, why));
	prefer_tcp(a);
	if (!has_one_port(a, ports, sizeof(ports))) {
		snprintf(why, sizeof(why), "it listens on the ports %s: which one? (--port)",
			 ports);
		return refuse(a, why);
	}
	return drop_unfit(a);
}

/* ---- adopting ----------------------------------------------------------- */

static struct record record_of(const struct adopting *a, const struct found *found)
{
	const struct process *p = &a->process;
	struct record record = {
		.key = { .exe_dev = p->identity.exe_dev,
			 .exe_ino = p->identity.exe_ino,
			 .uid = p->identity.uid,
			 .port = found->listener->port,
			 .protocol = found->listener->protocol },
		.value = { .pid = (__u32)p->pid, .sock_uid = found->info.uid },
	};
	const struct record *old = records_find(&a->records, &record.key);

	snprintf(record.value.comm, sizeof(record.value.comm), "%s", p->comm);
	snprintf(record.value.exe, sizeof(record.value.exe), "%s", p->exe);
	if (old)
		memcpy(record.value.cgroup, old->value.cgroup, sizeof(record.value.cgroup));
	return record;
}

static int take_record(struct adopting *a, const struct record *record)
{
	struct state *state = &a->session->state;
	struct take take = { .session = a->session,
			     .records = &a->records,
			     .listeners = &a->listeners,
			     .record = record };
	char text[WORDS_LEN];
	int err = a->session->dry_run ? 0 : records_put(state, &a->records, record);

	words_record(record, text);
	if (err) {
		log_error("adopt: %s: cannot be recorded: %s%s", text, strerror(-err),
			  err == -E2BIG ? " (release some)" : "");
		return err;
	}
	if (!take_look(&take))
		log_info("%s: adopted already", text);
	err = take_run(&take);
	for (size_t i = 0; i < take.n && !err; i++)
		log_debug("%s: a socket there belongs to another program or user", text);
	if (take.taken && !a->session->dry_run)
		event_report_adopted(state, TPROXY_EVENT_ADOPTED, text);
	return err;
}

/* Once for each protocol: all found sockets have the same port. */
static int take_all(struct adopting *a)
{
	bool done[2] = { false, false };
	int err = 0;

	for (size_t i = 0; i < a->n && !err; i++) {
		bool *is_done = &done[a->found[i].listener->protocol == IPPROTO_UDP];
		const struct record record = record_of(a, &a->found[i]);

		if (*is_done)
			continue;
		*is_done = true;
		err = take_record(a, &record);
		if (!err && a->want->original_dst && record.key.protocol == IPPROTO_TCP)
			err = shims_adopt(a->session, &a->process, &a->records, &record,
					  &a->result.remarks);
	}
	return err ? EXIT_FAILED : EXIT_DONE;
}

/* ---- what will not work ------------------------------------------------- */

static bool takes(const struct listener *listener, __u8 family)
{
	return listener->family == AF_INET ? family == AF_INET :
					     family == AF_INET6 || !listener->v6only;
}

/* An address of IPv6 cannot take IPv4, and the other way round. */
static bool is_bound_to(const struct listener *listener, __u8 family)
{
	const struct endpoint proxy = words_proxy(listener);

	return proxy.family && proxy.family != family;
}

static void remark_family(struct adopting *a, __u8 protocol, __u8 family)
{
	const struct found *any = NULL;

	for (size_t i = 0; i < a->n; i++) {
		const struct listener *listener = a->found[i].listener;

		if (listener->protocol != protocol)
			continue;
		any = &a->found[i];
		if (takes(listener, family) && !is_bound_to(listener, family))
			return;
	}
	if (any)
		log_info("%s, %s: no socket of IPv%c: it takes no IPv%c flows", a->process.comm,
			 words_protocol(protocol), family == AF_INET ? '4' : '6',
			 family == AF_INET ? '4' : '6');
}

static void remark_udp(struct adopting *a)
{
	for (size_t i = 0; i < a->n; i++) {
		if (a->found[i].listener->protocol != IPPROTO_UDP || a->found[i].info.learns_dst)
			continue;
		log_warn("%s, udp: it learns the original address, but not the port "
			 "(IP_PKTINFO; it would need IP_RECVORIGDSTADDR)",
			 a->process.comm);
		a->result.remarks++;
		return;
	}
}

static void remark(struct adopting *a)
{
	static const __u8 protocols[] = { IPPROTO_TCP, IPPROTO_UDP };

	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
		remark_family(a, protocols[i], AF_INET);
		remark_family(a, protocols[i], AF_INET6);
	}
	remark_udp(a);
}

/* ---- the whole ---------------------------------------------------------- */

/* A rule names one place. Loopback and any address are found by the port alone. */
static void choose_proxy(struct adopting *a)
{
	a->result.proxy = words_proxy(a->found[0].listener);
	for (size_t i = 1; i < a->n && a->result.proxy.family; i++)
		a->result.proxy = words_proxy(a->found[i].listener);
}

static int open_all(struct adopting *a)
{
	int err = process_open(a->want->pid, &a->process);

	if (err) {
		log_error("adopt: pid %d: %s", (int)a->want->pid, refusal_of_error(err));
		return EXIT_FAILED;
	}
	err = listeners_read(&a->listeners);
	if (!err)
		err = records_open(&a->session->state, &a->records);
	if (err)
		log_error("adopt: cannot read %s: %s",
			  a->listeners.n ? "what is adopted" : "the sockets", strerror(-err));
	return err ? EXIT_FAILED : EXIT_DONE;
}

int adopt_process(struct session *session, const struct adopt_want *want,
		  struct adopted_result *ret_result)
{
	struct adopting a __cleanup_adopting = { .session = session,
						 .want = want,
						 .process = PROCESS_CLOSED,
						 .records = RECORDS_CLOSED };
	int code = open_all(&a);

	if (!code)
		code = look(&a);
	if (!code)
		code = take_all(&a);
	if (code)
		return code;
	remark(&a);
	choose_proxy(&a);
	*ret_result = a.result;
	return EXIT_DONE;
}
