/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/steps/own/own.h"

#include <string.h>
#include <unistd.h>

#include "loader/steps/own/own_alone.h"
#include "loader/steps/own/own_parts.h"
#include "loader/steps/routing/conflict.h"

static const char *load_hint(int err)
{
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		return "own traffic needs a kernel with BTF: CONFIG_DEBUG_INFO_BTF=y";
	switch (-err) {
	case EINVAL:
	case EPERM:
	case EACCES:
		return "own traffic needs Linux 6.1 and cgroup BPF; -vv shows the verifier's log";
	case ENOMEM:
		return "not enough memory for the maps";
	default:
		return "-vv shows libbpf's and the verifier's log";
	}
}

/* ---- programs and maps -------------------------------------------------- */

static int refuse(const struct session *session, const char *what)
{
	log_error("own traffic: %s (%s)", what,
		  "choose another with --own-mark or --own-table, or own-mark and own-table of the "
		  "file");
	return -EINVAL;
}

static int check_values(struct session *session, const struct tproxy_own *own)
{
	const struct tproxy_config *config = &session->state.config;
	const struct route_key key = { own->mark, own->mark, own->table };

	if (own->mark & (own->mark - 1))
		return refuse(session, "the mark must be a single bit");
	if (own->mark & (config->mask | config->df_mark))
		return refuse(session, "the mark is the one of routed traffic");
	if (own->table == config->table)
		return refuse(session, "the table is the one of routed traffic");
	return conflict_check_own(session, &key);
}

/* What may change while it is attached. */
static void take_rest(const struct own_want *want, struct own *own)
{
	if (want->has_bound)
		own->config.flags = want->deny_bound ? TPROXY_OWN_DENY_BOUND : 0;
	if (want->cgroup)
		snprintf(own->cgroup, sizeof(own->cgroup), "%s", want->cgroup);
	if (want->has_proxy_mark)
		own->config.relay_mark = want->proxy_mark;
}

static int create(struct own_run *run)
{
	struct session *session = run->session;
	const struct own_want *want = run->want;
	struct tproxy_own *config = &run->own.config;
	int err;

	own_salvage(&session->state, &run->own);
	config->netns = state_netns_cookie();
	config->mark = want->mark ? want->mark : config->mark;
	config->table = want->table ? want->table : config->table;
	take_rest(want, &run->own);
	err = check_values(session, config);
	if (err)
		return err;
	log_step("load programs for own traffic, pin maps in %s", session->app->pin_dir);
	run->changed |= OWN_PART_PROGRAMS;
	if (session->dry_run)
		return 0;
	err = own_create(&session->state, &run->own);
	if (err)
		log_error("own traffic: cannot load or pin: %s (%s)", strerror(-err),
			  load_hint(err));
	return err;
}

/* Mark and table are fixed while it is attached: sockets and rules have them. */
static int check_fixed(const struct own_want *want, const struct tproxy_own *config)
{
	if ((!want->mark || want->mark == config->mark) &&
	    (!want->table || want->table == config->table))
		return 0;
	log_error("own traffic: mark 0x%x and table %u are in use already (detach --local first)",
		  config->mark, config->table);
	return -EBUSY;
}

static int update(struct own_run *run)
{
	const struct own_want *want = run->want;
	struct own *own = &run->own;
	const struct own before = *own;
	int err = check_fixed(want, &own->config);

	if (err || run->session->dry_run)
		return err;
	take_rest(want, own);
	own->config.netns = state_netns_cookie();
	if (!memcmp(&before, own, sizeof(before)))
		return 0;
	err = own_write(own);
	if (err)
		log_error("own traffic: cannot write its configuration: %s", strerror(-err));
	return err;
}

/* A set that is not complete is made again; the hooks then get the new programs. */
static int prepare(struct own_run *run)
{
	struct session *session = run->session;
	int err = own_open(&session->state, &run->own);

	if (err == -ENOENT || err == -EMEDIUMTYPE)
		err = create(run);
	else if (!err)
		err = update(run);
	else
		log_error("own traffic: cannot open its pins: %s (run as root)", strerror(-err));
	session->own_key = (struct route_key){ run->own.config.mark, run->own.config.mark,
					       run->own.config.table };
	return err;
}

/* ---- on ----------------------------------------------------------------- */

/* Found out first, so that nothing is left where it cannot work. */
static int check_host(const struct own_run *run)
{
	const char *path = run->want->cgroup ? run->want->cgroup : "";
	__cleanup_close int fd =
		strlen(path) < OWN_PLACE_LEN ? own_cgroup_open(path) : -ENAMETOOLONG;

	if (!state_netns_cookie()) {
		log_error(
			"own traffic: this kernel has no cookies of network namespaces (Linux 6.1 "
			"has them)");
		return -EOPNOTSUPP;
	}
	if (fd >= 0)
		return 0;
	if (fd == -ENODEV)
		log_error("own traffic: cgroup2 is not mounted (mount -t cgroup2 none "
			  "/sys/fs/cgroup)");
	else
		log_error("cgroup %s: %s (see cat /proc/PID/cgroup for the cgroup of a process)",
			  path, fd == -EMEDIUMTYPE ? "not a cgroup of version 2" : strerror(-fd));
	return fd;
}

static int run_all(struct own_run *run)
{
	enum hook hook = own_lo_choose(run);
	int err = check_host(run);

	if (!err)
		err = prepare(run);
	if (!err)
		err = own_entry_on(run, hook);
	if (!err)
		err = own_lo_on(run, hook);
	if (!err)
		err = own_routing_on(run);
	if (!err && !run->session->dry_run)
		err = own_leave_alone(&run->session->state, run->want);
	if (!err && !run->session->dry_run && (run->changed & OWN_PART_PROGRAMS))
		own_runs_find(&run->session->state);
	return err ? err : own_cgroup_on(run);
}

int own_on(struct session *session, const struct own_want *want, unsigned int *ret_changed)
{
	struct own_run run = { .session = session, .want = want, .own = OWN_CLOSED };
	int err = run_all(&run);

	own_close(&run.own);
	*ret_changed = run.changed;
	return err;
}

/* ---- off ---------------------------------------------------------------- */

static bool has_entry(const struct session *session)
{
	struct tproxy_iface entry;

	return session->state.map[MAP_IFACES] >= 0 &&
	       !policy_maps_iface_get(&session->state, OWN_IFINDEX, &entry) &&
	       (entry.roles & TPROXY_ROLE_LOCAL);
}

bool own_is_there(const struct session *session)
{
	struct tproxy_own config;
	bool there = has_entry(session) || !own_read_config(&session->state, &config);

	for (int i = 0; i < OWN_HOOKS && !there && session->state.pins.dir >= 0; i++)
		there = own_hook_cgroup(&session->state, i) != 0;
	return there;
}

int own_hooks_off(struct session *session)
{
	return own_cgroup_off(session, OWN_PROG_CONNECT4, OWN_PROG_INGRESS);
}

int own_rest_off(struct session *session)
{
	struct own own __cleanup_own = OWN_CLOSED;
	int err;

	own_salvage(&session->state, &own);
	err = own_routing_off(session, &own.config);

	if (!err)
		err = own_lo_off(session);
	if (!err)
		err = own_cgroup_off(session, OWN_PROG_CONNECT4, OWN_PROG_EGRESS);
	if (!err)
		err = own_entry_off(session);
	if (err || session->dry_run)
		return err;
	own_runs_tidy(&session->state);
	err = own_remove(&session->state);
	if (err)
		log_error("own traffic: cannot remove its pins: %s (try again)", strerror(-err));
	return err;
}

/* ---- another build ------------------------------------------------------ */

static int move_all(struct session *session, const struct own *own)
{
	struct hook_site site;
	enum hook hook;
	int err = 0;

	own_site_make(&site, &session->nl, &session->state, own);
	hook = hook_present(&site);
	if (hook != HOOK_NONE)
		err = hook_attach(&site, hook, NULL);
	for (int i = 0; i < OWN_HOOKS && !err; i++)
		err = own_hook_move(&session->state, own, i);
	return err;
}

int own_replace_build(struct session *session)
{
	struct own own __cleanup_own = OWN_CLOSED;
	int err = own_open(&session->state, &own);

	/* A set that is not complete is made again by own_on. */
	if (err)
		return err == -ENOENT || err == -EMEDIUMTYPE ? 0 : err;
	err = own_reload(&session->state, &own);
	if (!err)
		err = move_all(session, &own);
	return err ? err : own_publish_progs(&session->state);
}
