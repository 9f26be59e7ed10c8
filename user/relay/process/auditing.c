/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/process/auditing.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "lib/util.h"
#include "relay/process/channel.h"
#include "tproxy_audit.h"

#define LOOK_EVERY_MS 1000
#define BATCHES_A_TURN 256 /* so that listeners need not wait */
/*
 * Who resets a flow may still be heard, if the other side has ignored that; the data path then takes
 * the end back. Without an entry the rest of the flow would not be audited.
 */
#define RESET_QUIET_NS 10000000000ULL
#define REFUSED_QUIET_NS 1000000000ULL
/* The relay confirms at once. After this time the reports are sent again. */
#define PATIENCE_MS 10000

void auditing_init(struct auditing *a)
{
	*a = (struct auditing){ .map = -1, .prog = -1, .lock = -1 };
}

void auditing_stop(struct auditing *a)
{
	cleanup_fd(&a->map);
	cleanup_fd(&a->prog);
	cleanup_fd(&a->lock);
	*a = (struct auditing){ .map = -1, .prog = -1, .lock = -1, .begins = a->begins };
}

/* ---- the table ---------------------------------------------------------- */

/* The lock ends with the process that holds it. */
static int lock_table(const struct pins *pins)
{
	__cleanup_close int fd = open(pins->internal, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB))
		return -errno;
	return take_fd(&fd);
}

/* 0: it cannot be told. */
static uint32_t map_id(int map)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);

	return map >= 0 && !bpf_obj_get_info_by_fd(map, &info, &len) ? info.id : 0;
}

static void begin_last_look(struct auditing *a)
{
	a->last = true;
	a->last_ns = monotonic_ns();
	a->walking = false;
}

/*
 * The table that is open may lose its pin, with the state, or another one may get that. Then nobody
 * else has its entries. An upgrade may pin the same table again: its flows continue.
 */
static void compare_table(struct auditing *a, const struct pins *pins)
{
	__cleanup_close int map = -1;
	struct file_id now;
	uint32_t id;

	if (a->map < 0 || a->last)
		return;
	errno = 0;
	if (!file_id_get(pins->audited, &now)) {
		if (errno == ENOENT)
			begin_last_look(a);
		return;
	}
	if (file_id_same(&now, &a->table))
		return;
	map = bpf_obj_get(pins->audited);
	id = map_id(map);
	if (id && id != map_id(a->map))
		begin_last_look(a);
	else if (id)
		auditing_stop(a); /* opened again, with its program and its lock */
}

/* The state of an older build has no table. */
static bool open_table(struct auditing *a, const struct pins *pins)
{
	struct tproxy_config config;
	struct file_id now;

	if (a->map >= 0)
		return true;
	if (!file_id_get(pins->audited, &now) || pins_read_config(pins, &config))
		return false;
	a->lock = lock_table(pins);
	if (a->lock < 0)
		return false;
	a->map = bpf_obj_get(pins->audited);
	a->prog = bpf_obj_get(pins->audit);
	a->table = now;
	if (a->map >= 0 && a->prog >= 0)
		return true;
	auditing_stop(a); /* a table without its program, during an upgrade: tried again */
	return false;
}

/* An entry is not written from here: packets change it at any time. 0 or -errno. */
static int ask_program(const struct auditing *a, const struct tproxy_flow_key *flow,
		       uint64_t begin_ns, enum tproxy_audit_op op)
{
	struct tproxy_audit_request request = { .flow = *flow, .begin_ns = begin_ns, .op = op };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &request, .ctx_size_in = sizeof(request));

	return bpf_prog_test_run_opts(a->prog, &opts);
}

static bool is_there(const struct auditing *a, const struct audit_pending *p,
		     struct tproxy_audited *ret_value)
{
	return !bpf_map_lookup_elem(a->map, &p->flow, ret_value) &&
	       ret_value->begin_ns == p->begin_ns;
}

/*
 * An entry that stays would be logged again at each look. So it is deleted from here if the program
 * does not do that: its place is given back later. If that is refused, too, the table is not read.
 */
static void forget(struct auditing *a, const struct audit_pending *p)
{
	int err = ask_program(a, &p->flow, p->begin_ns, TPROXY_AUDIT_OP_DELETE);
	struct tproxy_audited value;

	if (!is_there(a, p, &value))
		return;
	a->err = err ? err : -EIO;
	if (bpf_map_delete_elem(a->map, &p->flow) && errno != ENOENT)
		a->useless = true;
}

/* Without the note the begin would be logged again at each look. */
static void note_begin(struct auditing *a, const struct audit_pending *p)
{
	int err = ask_program(a, &p->flow, p->begin_ns, TPROXY_AUDIT_OP_LOGGED);
	struct tproxy_audited value;

	if (!is_there(a, p, &value) || (value.flags & TPROXY_AUDITED_LOGGED))
		return;
	a->err = err ? err : -EIO;
	a->mute = true;
}

/* ---- reports ------------------------------------------------------------ */

static bool report(struct auditing *a, int sock, const struct tproxy_flow_key *flow,
		   const struct tproxy_audited *value, bool ended)
{
	const struct registrar_report report = {
		.kind = REGISTRAR_AUDITED,
		.audited = { .flow = *flow, .value = *value, .ended = ended }
	};

	if (a->sent == ARRAY_SIZE(a->pending) || channel_send(sock, &report, sizeof(report), -1))
		return false;
	a->pending[a->sent++] = (struct audit_pending){ .flow = *flow,
							.begin_ns = value->begin_ns,
							.ended = ended };
	return true;
}

/* Once for each table. If the relay is behind, at the next turn. */
static void tell_failure(struct auditing *a, int sock)
{
	struct registrar_report report = { .kind = REGISTRAR_TEXT, .level = RECORD_WARN };

	if (!a->err || a->told)
		return;
	snprintf(report.text, sizeof(report.text),
		 "audited flows: the program tproxy_audit does not change their table: %s%s%s "
		 "(tproxy-loader attach replaces it)",
		 strerror(-a->err), a->mute ? "; begins are not logged" : "",
		 a->useless ? "; no more of them are logged" : "");
	a->told = !channel_send(sock, &report, sizeof(report), -1);
}

static bool is_final(const struct tproxy_flow_key *flow, const struct tproxy_audited *value,
		     uint64_t quiet_ns)
{
	if (value->end == TPROXY_AUDIT_CLIENT_RST || value->end == TPROXY_AUDIT_SERVER_RST)
		return quiet_ns >
		       (tproxy_audit_is_answered(flow, value) ? RESET_QUIET_NS : REFUSED_QUIET_NS);
	return value->end;
}

/* As for relayed flows: what anybody can cause with a forged address is not worth a line. */
static bool has_begun(const struct auditing *a, const struct tproxy_flow_key *flow,
		      const struct tproxy_audited *value)
{
	return a->begins && !a->mute && !(value->flags & TPROXY_AUDITED_LOGGED) &&
	       tproxy_audit_is_answered(flow, value);
}

static uint64_t quiet_of(const struct tproxy_audited *value)
{
	uint64_t now = monotonic_ns();

	return now > value->last_ns ? now - value->last_ns : 0;
}

/* The entry of an open flow has no end yet: it ends as closed, as idle or as open. */
static bool report_over(struct auditing *a, int sock, const struct tproxy_flow_key *flow,
			const struct tproxy_audited *value)
{
	struct tproxy_audited over = *value;

	if (!over.end && tproxy_audit_is_closed(flow, value))
		over.end = tproxy_audit_closed_by(value);
	else if (!over.end && quiet_of(value) > tproxy_audit_idle_ns(flow, value))
		over.end = TPROXY_AUDIT_IDLE;
	return report(a, sock, flow, &over, true);
}

/*
 * Nobody reads the entry later, so a reset is final, too. A program that is still attached may add
 * entries, which are left out.
 */
static bool report_last(struct auditing *a, int sock, const struct tproxy_flow_key *flow,
			const struct tproxy_audited *value)
{
	if (value->begin_ns > a->last_ns)
		return true;
	a->found++;
	return report_over(a, sock, flow, value);
}

/* If the program ends it, it is found at the next look. */
static bool end_idle(struct auditing *a, int sock, const struct tproxy_flow_key *flow,
		     const struct tproxy_audited *value)
{
	int err = ask_program(a, flow, value->begin_ns, TPROXY_AUDIT_OP_EXPIRE);

	if (!err)
		return true;
	a->err = err;
	return report_over(a, sock, flow, value);
}

/* False: the relay is behind. */
static bool look_at(struct auditing *a, int sock, const struct tproxy_flow_key *flow,
		    const struct tproxy_audited *value)
{
	uint64_t quiet = quiet_of(value);

	if (has_begun(a, flow, value) && !report(a, sock, flow, value, false))
		return false;
	if (a->last)
		return report_last(a, sock, flow, value);
	if (is_final(flow, value, quiet))
		return report(a, sock, flow, value, true);
	if (!value->end && quiet > tproxy_audit_idle_ns(flow, value))
		return end_idle(a, sock, flow, value);
	return true;
}

/* ---- walking ------------------------------------------------------------ */

static void walk(struct auditing *a, int sock)
{
	struct tproxy_flow_key flows[AUDIT_BATCH];
	struct tproxy_audited values[AUDIT_BATCH];
	uint32_t count = AUDIT_BATCH, next = 0;
	int err = bpf_map_lookup_batch(a->map, a->walking ? &a->at : NULL, &next, flows, values,
				       &count, NULL);

	a->walking = !err;
	a->at = next;
	if (err && errno != ENOENT)
		return;
	for (uint32_t i = 0; i < count; i++)
		if (!look_at(a, sock, &flows[i], &values[i]))
			break;
	a->sent_at = monotonic_ms();
}

/* The last look lasts until nothing is left: the relay may be behind. */
static void finish_look(struct auditing *a)
{
	if (a->walking)
		return;
	if (a->last && !a->found)
		auditing_stop(a);
	else if (!a->last)
		a->due = monotonic_ms() + LOOK_EVERY_MS;
	a->found = 0;
}

static void look(struct auditing *a, int sock)
{
	for (int n = 0; n < BATCHES_A_TURN && !a->sent; n++) {
		walk(a, sock);
		if (!a->walking)
			break;
	}
	finish_look(a);
}

void auditing_turn(struct auditing *a, const struct pins *pins, int sock)
{
	if (a->sent && monotonic_ms() - a->sent_at < PATIENCE_MS)
		return;
	a->sent = a->confirmed = 0;
	tell_failure(a, sock);
	compare_table(a, pins);
	if (a->last && a->useless)
		auditing_stop(a);
	if (!a->last && !a->walking && monotonic_ms() < a->due)
		return;
	if (open_table(a, pins) && !a->useless)
		look(a, sock);
	else
		a->due = monotonic_ms() + LOOK_EVERY_MS;
}

void auditing_confirm(struct auditing *a)
{
	const struct audit_pending *p;

	if (a->confirmed == a->sent)
		return;
	p = &a->pending[a->confirmed++];
	if (p->ended)
		forget(a, p);
	else
		note_begin(a, p);
	if (a->confirmed == a->sent)
		a->sent = a->confirmed = 0;
}
