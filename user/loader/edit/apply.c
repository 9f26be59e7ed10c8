/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/edit/apply.h"
#include "loader/steps/own/own_alone.h"

#include <bpf/bpf.h>
#include <string.h>

#include "kernel/events/report.h"
#include "kernel/maps/applied.h"
#include "kernel/maps/generation.h"
#include "loader/edit/apply_devices.h"
#include "loader/edit/apply_own.h"
#include "loader/edit/conffile.h"
#include "loader/edit/review.h"
#include "loader/steps/answers.h"
#include "loader/steps/confirm.h"
#include "loader/steps/confirm_guard.h"
#include "loader/steps/iface.h"
#include "loader/steps/learn.h"
#include "loader/steps/setup.h"

/* With this many a progress line is useful, and a second comparison takes too long. */
#define MANY_PREFIXES 50000

/* ---- the policy --------------------------------------------------------- */

static void show_progress(size_t done, size_t total)
{
	static size_t shown;

	if (done - shown < total / 50 && done > shown)
		return;
	shown = done;
	fprintf(stderr, "\r[#] %zu of %zu prefixes", done, total);
}

static void end_progress(void)
{
	fputs("\r\033[K", stderr);
}

/* Memory of a map according to the kernel; 0 if it does not show it. */
static __u64 map_memory(int fd)
{
	__cleanup_file FILE *file = NULL;
	char path[64], line[128];
	unsigned long long bytes = 0;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "memlock: %llu", &bytes) == 1)
			break;
	return bytes;
}

/*
 * An upper bound. What the kernel shows for a trie lacks inner nodes and rounding: a prefix takes a
 * node and at worst an inner one, of 64 bytes each.
 */
static __u64 policy_memory(const struct state *state, const struct policy *policy)
{
	__u64 bytes = conffile_size(policy).prefixes * 128;

	for (int map = MAP_PORTS; map < APPLIED_MAPS; map++)
		bytes += map_memory(state->map[map]);
	return bytes;
}

static const char *replace_hint(int err)
{
	switch (-err) {
	case ENOMEM:
		return "not enough memory; the old policy stays";
	case ENOSPC:
	case E2BIG:
		return "a map or the bpffs is full; the old policy stays";
	default:
		return "the old policy stays";
	}
}

static void learn(struct session *session, const struct apply *a, const struct policy *from,
		  const struct apply_devices *new)
{
	const struct learn learn = { .before = from,
				     .after = &a->config->policy,
				     .seconds = a->learn,
				     .no_watch = a->no_watch,
				     .new = new->items,
				     .n_new = new->n };

	learn_flows(session, &learn);
}

/* An edit with bpftool takes no lock, and filling the maps takes a while. */
static int report_late_edits(struct session *session, struct apply *a, const struct policy *from)
{
	struct policy now __cleanup_policy = { 0 };
	int err;

	if (!a->edits || conffile_size(from).prefixes >= MANY_PREFIXES)
		return 0;
	err = policy_maps_read(&session->state, &now);
	if (!err)
		err = edits_report_dropped(a->edits, &session->state, &now, a->config);
	if (err)
		log_error("%s: cannot compare the policies: %s (the old policy stays)",
			  session->state.dir, strerror(-err));
	return err;
}

/* pools: those of the plan, which are filled here. */
static int prepare(struct state *state, const struct config *config,
		   const struct generation_plan *plan, struct pool_table *pools,
		   struct state *ret_next)
{
	int err = pools_compile(config, pools);

	if (!err)
		err = generation_prepare(state, plan, ret_next);
	if (plan->progress)
		end_progress();
	if (err)
		log_error("%s: cannot prepare the policy: %s (%s)", state->dir, strerror(-err),
			  replace_hint(err));
	return err;
}

static int publish(struct state *state, const struct generation_plan *plan, struct state *next)
{
	const __u32 old = state->config.generation;
	int err = generation_publish(state, plan, next);

	if (err)
		log_error("%s: cannot publish the policy: %s (%s)", state->dir, strerror(-err),
			  state->config.generation == old ? replace_hint(err) :
							    "it is live already");
	if (err)
		return err;
	event_report_policy(state, TPROXY_EVENT_POLICY, "apply");
	own_leave_proxies_alone(state, NULL);
	return 0;
}

static int replace(struct session *session, struct apply *a, const struct policy *from,
		   const char *text, const struct apply_devices *new)
{
	struct state *state = &session->state;
	struct state next __cleanup_state = STATE_CLOSED;
	const struct conffile_size size = conffile_size(&a->config->policy);
	struct pool_table pools __cleanup_pools = { 0 };
	const bool progress = a->progress && size.prefixes >= MANY_PREFIXES;
	const struct generation_plan plan = { .from = from,
					      .to = &a->config->policy,
					      .pools = &pools,
					      .text = text,
					      .progress = progress ? show_progress : NULL };
	const __u32 old = state->config.generation;
	int err;

	log_step("policy: generation %u, %zu rules, %zu prefixes", old + 1, size.rules,
		 size.prefixes);
	err = prepare(state, a->config, &plan, &pools, &next);
	if (err)
		return err;
	/* Only now, as filling the maps may take a while: flows that begin from now on are new. */
	learn(session, a, from, new);
	err = report_late_edits(session, a, from);
	if (!err)
		err = answers_prepare(session, &a->config->policy);
	if (!err && a->confirm_within)
		err = confirm_guard_arm(session, old + 1, a->confirm_within);
	if (!err)
		err = publish(state, &plan, &next);
	a->changed = state->config.generation != old;
	return err;
}

/* The same rules, perhaps from another file: recorded as applied. */
static int record_text(const struct state *state, const struct policy *policy, const char *text)
{
	struct applied applied __cleanup_applied = { 0 };
	int err = applied_read(state, &applied);

	if (err && err != -ENOENT)
		return err;
	if (!err && applied.text && !strcmp(applied.text, text))
		return 0;
	err = applied_take_text(&applied, text);
	if (!err) /* names of owners may be new */
		err = applied_take_scopes(&applied, policy);
	return err ? err : applied_write(state, &applied);
}

static int apply_policy(struct session *session, struct apply *a, const struct apply_devices *new)
{
	struct policy before __cleanup_policy = { 0 };
	struct changes count = { 0 }, *changes = a->changes ? a->changes : &count;
	__cleanup_free char *text = config_text(a->config);
	struct state *state = &session->state;
	int err = text ? 0 : -ENOMEM;

	if (!err)
		err = policy_maps_read(state, &before);
	if (!err)
		err = changes_between(changes, &before, &a->config->policy);
	if (!err)
		err = changes_of_pools(changes, state, a->config);
	if (!err)
		err = changes_of_ifaces(changes, state, &before);
	if (!err && changes->n && a->edits)
		err = edits_report_dropped(a->edits, state, &before, a->config);
	if (!err && !changes->n)
		err = record_text(state, &a->config->policy, text);
	if (err) {
		log_error("%s: cannot compare the policies: %s", state->dir, strerror(-err));
		return err;
	}
	if (changes->n)
		err = replace(session, a, &before, text, new);
	else
		learn(session, a, &before, new);
	a->memory = policy_memory(state, &a->config->policy);
	return err;
}

/* ---- the whole ---------------------------------------------------------- */

static int attach_named(struct session *session, struct apply *a)
{
	struct changes count = { 0 }, *changes = a->changes ? a->changes : &count;
	size_t before = changes->n;
	int err = changes_of_devices(changes, session, a->config, CHANGES_BY_APPLY);

	if (err)
		log_error("interfaces: cannot be compared: %s", strerror(-err));
	a->attached = changes->n - before;
	if (!err)
		err = apply_interfaces(session, a->config);
	return err ? err : apply_own(session, a->config, a->confirm_within != 0);
}

/* If an interface cannot be attached, the policy that was meant for it is not kept either. */
static void undo(struct session *session, struct apply *apply, bool created)
{
	if (created && session->state.map[MAP_IFACES] >= 0) {
		iface_everything_off(session);
		return;
	}
	if (!apply->changed || generation_rollback(&session->state))
		return;
	apply->changed = false;
	answers_settle(session);
	event_report_policy(&session->state, TPROXY_EVENT_ROLLED_BACK, "apply");
	own_leave_proxies_alone(&session->state, NULL);
	if (apply->confirm_within)
		confirm_end(session);
	log_warn("the previous policy is back");
}

/* An empty file is more often a mistake (a full disk, a failed template) than intended. */
static int refuse_emptying(const struct session *session, const struct apply *a)
{
	struct policy present __cleanup_policy = { 0 };
	struct pool_table pools __cleanup_pools = { 0 };
	size_t rules = 0;
	int err;

	if (a->may_empty || !config_is_empty(a->config))
		return 0;
	err = policy_maps_read_rules(&session->state, &present);
	if (!err)
		err = pools_read(&session->state, &pools);
	if (err) {
		log_error("%s: cannot read the policy: %s", session->state.dir, strerror(-err));
		return err;
	}
	rules = conffile_size(&present).rules;
	if (!rules && !pools.n)
		return 0;
	log_error("%s: has no rule and no pool, and %zu rules and %zu addresses of pools are live: "
		  "nothing is changed (tproxy-loader apply --empty %s if you mean it)",
		  a->path, rules, pools.n, a->path);
	return -ENODATA;
}

int apply_config(struct session *session, struct apply *apply, bool present)
{
	const struct config *config = apply->config;
	const struct setup want = { .mark = config->mark, .table = config->table };
	struct apply_devices devices = { 0 };
	bool created = false;
	int err = apply_check_devices(session, config);

	if (!err && present)
		err = confirm_refuse(session, "apply");
	if (!err && present)
		err = refuse_emptying(session, apply);
	if (err)
		return err;
	if (apply->report)
		review_addresses(apply->report, conffile_name(apply->path), config, &session->nl);
	err = setup_state(session, &want, present, &created);
	if (!err)
		err = apply_collect_devices(session, config, &devices);
	if (!err)
		err = apply_policy(session, apply, &devices);
	free(devices.items);
	if (!err && (config->interfaces.n || config->divert.n || config->n_pools || config->local))
		err = steps_lookup_on(session);
	if (!err)
		err = attach_named(session, apply);
	if (!err) {
		apply_report_absent(session, &config->interfaces);
		apply_report_absent(session, &config->divert);
	}
	if (!err)
		err = answers_settle(session);
	if (err)
		undo(session, apply, created);
	return err;
}
