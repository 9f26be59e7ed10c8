/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hooks of a cgroup. own_egress, which keeps unfinished packets off the wire, is the first to
 * come and the last to go.
 */
#include <string.h>

#include "loader/steps/own/own_parts.h"

/* On the way in; detach uses the reverse order. */
static const enum own_prog order[OWN_HOOKS] = {
	OWN_PROG_EGRESS,   OWN_PROG_INGRESS,  OWN_PROG_RECVMSG6, OWN_PROG_RECVMSG4,
	OWN_PROG_SENDMSG6, OWN_PROG_SENDMSG4, OWN_PROG_CONNECT6, OWN_PROG_CONNECT4,
};

static const char *place_text(const char *path)
{
	return *path ? path : "/";
}

static bool is_on(const struct own_run *run, enum own_prog prog, int cgroup)
{
	const struct state *state = &run->session->state;

	return !run->session->dry_run && own_hook_is_on(state, prog, cgroup) &&
	       own_hook_runs(state, &run->own, prog);
}

static int hook_on(struct own_run *run, enum own_prog prog, int cgroup)
{
	int err;

	if (is_on(run, prog, cgroup))
		return 0;
	log_step("cgroup %s: attach %s", place_text(run->own.cgroup), own_prog_name(prog));
	run->changed |= OWN_PART_HOOKS;
	if (run->session->dry_run)
		return 0;
	err = own_hook_on(&run->session->state, &run->own, prog, cgroup);
	if (err)
		log_error("cgroup %s: cannot attach %s: %s (%s)", place_text(run->own.cgroup),
			  own_prog_name(prog), strerror(-err),
			  err == -EPERM ? "a program above it may allow no others: bpftool cgroup "
					  "tree" :
					  "-v shows more");
	return err;
}

int own_cgroup_on(struct own_run *run)
{
	__cleanup_close int cgroup = own_cgroup_open(run->own.cgroup);
	int err = 0;

	/* Without the cgroup there is no process whose traffic could be meant. */
	if (cgroup == -ENOENT && run->want->quiet)
		return 0;
	if (cgroup < 0) {
		log_error("cgroup %s: cannot be opened: %s (attach --local --cgroup PATH names "
			  "another)",
			  place_text(run->own.cgroup), strerror(-cgroup));
		return cgroup;
	}
	for (size_t i = 0; i < ARRAY_SIZE(order) && !err; i++)
		err = hook_on(run, order[i], cgroup);
	return err;
}

static bool has_pin(const struct session *session, enum own_prog prog)
{
	char path[STATE_PATH_LEN];

	return session->state.pins.dir >= 0 &&
	       !access(own_link_path(&session->state, prog, path), F_OK);
}

int own_cgroup_off(struct session *session, enum own_prog from, enum own_prog to)
{
	int result = 0;

	for (size_t i = ARRAY_SIZE(order); i > 0; i--) {
		enum own_prog prog = order[i - 1];
		int err;

		if (prog < from || prog > to || !has_pin(session, prog))
			continue;
		log_step("cgroup: detach %s", own_prog_name(prog));
		err = session->dry_run ? 0 : own_hook_off(&session->state, prog);
		if (err)
			log_error("cgroup: cannot detach %s: %s", own_prog_name(prog),
				  strerror(-err));
		result = first_error(result, err);
	}
	return result;
}
