/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/process/auditing.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/file.h>

#include "lib/util.h"
#include "relay/log/audited.h"
#include "relay/process/channel.h"

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

/* The state of an older build has no table. */
static bool open_table(struct auditing *a, const struct pins *pins)
{
	struct tproxy_config config;
	struct file_id now;

	if (!file_id_get(pins->audited, &now)) {
		auditing_stop(a);
		return false;
	}
	if (a->map >= 0 && file_id_same(&now, &a->table))
		return true;
	auditing_stop(a);
	if (pins_read_config(pins, &config))
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

/* An entry is not written from here: packets change it at any time. */
static void ask_program(const struct auditing *a, const struct tproxy_flow_key *flow,
			uint64_t begin_ns, enum tproxy_audit_op op)
{
	struct tproxy_audit_request request = { .flow = *flow, .begin_ns = begin_ns, .op = op };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &request, .ctx_size_in = sizeof(request));

	bpf_prog_test_run_opts(a->prog, &opts);
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

static uint64_t idle_after(const struct tproxy_flow_key *flow, const struct tproxy_audited *value)
{
	const uint32_t fin = TPROXY_AUDITED_FIN * 3;

	if (flow->proto != IPPROTO_TCP)
		return TPROXY_AUDITED_UDP_IDLE_NS;
	return audited_is_established(flow, value) && (value->flags & fin) != fin ?
		       TPROXY_AUDITED_TCP_IDLE_NS :
		       TPROXY_AUDITED_SYN_IDLE_NS;
}

static bool is_final(const struct tproxy_flow_key *flow, const struct tproxy_audited *value,
		     uint64_t quiet_ns)
{
	if (value->end == TPROXY_AUDIT_CLIENT_RST || value->end == TPROXY_AUDIT_SERVER_RST)
		return quiet_ns >
		       (audited_is_established(flow, value) ? RESET_QUIET_NS : REFUSED_QUIET_NS);
	return value->end;
}

/* As for relayed flows: what anybody can cause with a forged address is not worth a line. */
static bool has_begun(const struct auditing *a, const struct tproxy_flow_key *flow,
		      const struct tproxy_audited *value)
{
	return a->begins && !(value->flags & TPROXY_AUDITED_LOGGED) &&
	       audited_is_established(flow, value);
}

/* False: the relay is behind. An idle flow is found ended at the next look. */
static bool look_at(struct auditing *a, int sock, const struct tproxy_flow_key *flow,
		    const struct tproxy_audited *value)
{
	uint64_t now = monotonic_ns(), quiet = now > value->last_ns ? now - value->last_ns : 0;

	if (has_begun(a, flow, value) && !report(a, sock, flow, value, false))
		return false;
	if (is_final(flow, value, quiet))
		return report(a, sock, flow, value, true);
	if (!value->end && quiet > idle_after(flow, value))
		ask_program(a, flow, value->begin_ns, TPROXY_AUDIT_OP_EXPIRE);
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

static void finish_look(struct auditing *a)
{
	if (!a->walking)
		a->due = monotonic_ms() + LOOK_EVERY_MS;
}

void auditing_turn(struct auditing *a, const struct pins *pins, int sock)
{
	if (a->sent && monotonic_ms() - a->sent_at < PATIENCE_MS)
		return;
	a->sent = a->confirmed = 0;
	if (!a->walking && monotonic_ms() < a->due)
		return;
	if (!open_table(a, pins)) {
		a->due = monotonic_ms() + LOOK_EVERY_MS;
		return;
	}
	for (int n = 0; n < BATCHES_A_TURN && !a->sent; n++) {
		walk(a, sock);
		if (!a->walking)
			break;
	}
	finish_look(a);
}

void auditing_confirm(struct auditing *a)
{
	const struct audit_pending *p;

	if (a->confirmed == a->sent)
		return;
	p = &a->pending[a->confirmed++];
	ask_program(a, &p->flow, p->begin_ns,
		    p->ended ? TPROXY_AUDIT_OP_DELETE : TPROXY_AUDIT_OP_LOGGED);
	if (a->confirmed == a->sent)
		a->sent = a->confirmed = 0;
}
