/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/adopt/shims.h"

#include <string.h>

#include "kernel/shim/shim.h"

static const char *hint(int err)
{
	switch (-err) {
	case ENODEV:
		return " (cgroup2 is not mounted)";
	case ENOENT:
		return " (there is no such cgroup)";
	case EOPNOTSUPP:
		return " (Linux 5.14 or newer is needed)";
	case E2BIG:
		return " (too many: remove one)";
	default:
		return " (-vv shows the log of the verifier)";
	}
}

int shims_on(struct session *session, const char *path, bool adopted)
{
	bool made = true;
	int err = 0;

	if (session->dry_run)
		log_step("cgroup %s: answer SO_ORIGINAL_DST", path);
	else
		err = shim_on(&session->state, path, adopted, &made);
	if (err)
		log_error("shim: cgroup %s: cannot attach: %s%s", path, strerror(-err), hint(err));
	else if (!session->dry_run && made)
		log_step("cgroup %s: answer SO_ORIGINAL_DST", path);
	else if (!session->dry_run)
		log_info("cgroup %s: SO_ORIGINAL_DST is answered already", path);
	return err;
}

int shims_off(struct session *session, const char *path)
{
	bool was = true;
	int err = 0;

	if (!session->dry_run)
		err = shim_off(&session->state, path, &was);
	if (err)
		log_error("shim: cgroup %s: cannot detach: %s (try again)", path, strerror(-err));
	else if (was)
		log_step("cgroup %s: no longer answer SO_ORIGINAL_DST", path);
	else
		log_info("cgroup %s: SO_ORIGINAL_DST is not answered by us", path);
	return err;
}

/* ---- adoption ----------------------------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
	const size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && !strcmp(text + len - end_len, end);
}

static void remark_cgroup(const char *path, size_t *remarks)
{
	if (!strcmp(path, "/"))
		log_warn("shim: the process is in the root cgroup: SO_ORIGINAL_DST is answered "
			 "for every program of this host (run it as a service of its own)");
	else if (ends_with(path, ".scope") || ends_with(path, ".slice"))
		log_warn("shim: cgroup %s: SO_ORIGINAL_DST is answered for every program of this "
			 "session (run it as a service of its own)",
			 path);
	else
		return;
	++*remarks;
}

int shims_adopt(struct session *session, const struct process *process, struct records *records,
		const struct record *record, size_t *remarks)
{
	struct record noted = *record;
	int err = process_cgroup(process, noted.value.cgroup);

	if (err) {
		log_error("shim: %s (pid %d): its cgroup cannot be found: %s%s", process->comm,
			  (int)process->pid, strerror(-err),
			  err == -ENODEV ? " (cgroup2 is not mounted)" : "");
		return err;
	}
	err = shims_on(session, noted.value.cgroup, true);
	if (!err && !session->dry_run)
		err = records_put(&session->state, records, &noted);
	if (!err)
		remark_cgroup(noted.value.cgroup, remarks);
	return err;
}

static bool is_needed(const struct records *records, const struct record *record)
{
	for (size_t i = 0; i < records->n; i++)
		if (memcmp(&records->items[i].key, &record->key, sizeof(record->key)) &&
		    !strcmp(records->items[i].value.cgroup, record->value.cgroup))
			return true;
	return false;
}

static bool is_of_adoption(const struct state *state, const char *path)
{
	struct shim shims[SHIM_MAX];
	int n = shim_list(state, shims);

	for (int i = 0; i < n; i++)
		if (!strcmp(shims[i].path, path))
			return shims[i].adopted;
	return false;
}

int shims_release(struct session *session, const struct records *records,
		  const struct record *record)
{
	const char *path = record->value.cgroup;

	if (!*path || is_needed(records, record) || !is_of_adoption(&session->state, path))
		return 0;
	return shims_off(session, path);
}
