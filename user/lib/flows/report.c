/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/flows/report.h"

#include <string.h>

#include "lib/flows/print.h"
#include "lib/rundir.h"
#include "lib/util.h"

#define TOP 5 /* totals below a list */

/* ---- errors ------------------------------------------------------------- */

static void explain_relay(int err, const char *relay, char *ret_why)
{
	const char *why = strerror(-err), *next = "see its log";

	switch (err) {
	case -EPROTO:
		why = "it is of another version";
		next = "ask it with its own tproxy-relay --list";
		break;
	case -EBUSY:
		why = "it has too many clients";
		next = "try again";
		break;
	case -ETIMEDOUT:
		why = "it does not answer";
		next = "is it stopped? see its log";
		break;
	case -EPERM:
		why = "only root may end flows, and the user that the relay runs as";
		next = "run as root";
		break;
	case -ENODEV:
		why = "it does not run here";
		next = "the list names those that do";
		break;
	case -ECONNREFUSED:
	case -ECONNRESET:
		why = "it has ended";
		next = "start tproxy-relay, or try again";
		break;
	}
	snprintf(ret_why, FLOWS_WHY_LEN, "relay %s: %s (%s)", relay, why, next);
}

void flow_report_explain(int err, const char *relay, char *ret_why)
{
	if (err == -EACCES)
		snprintf(ret_why, FLOWS_WHY_LEN,
			 RUNDIR
			 ": permission denied (run as root or as a member of group " RUNDIR_GROUP
			 ")");
	else if (relay && err != -ENOENT)
		explain_relay(err, relay, ret_why);
	else if (err == -ENOENT)
		snprintf(ret_why, FLOWS_WHY_LEN,
			 "no relay runs in this network namespace (start tproxy-relay, or name its "
			 "namespace with -n)");
	else
		snprintf(ret_why, FLOWS_WHY_LEN, "flows: %s (try again)", strerror(-err));
}

/* ---- collecting --------------------------------------------------------- */

/* They need no relay: the result is then no longer `err`, which said that there is none. */
static int add_forwarded(const struct flow_report *report, struct flow_list *list, int err)
{
	int result = -ENOENT;

	if (report->forwarded && !report->relay)
		result = report->forwarded(list, &report->filter, report->arg);
	return result == -ENOENT ? err : result;
}

static int fill(const struct flow_report *report, struct flow_list *list, char *ret_why)
{
	const struct flows_relay *failed = NULL;
	int err = flow_list_open(list, report->relay);

	if (!err)
		err = flow_list_fill(list, &report->filter, &failed);
	if (!failed && (!err || err == -ENOENT))
		err = add_forwarded(report, list, err);
	if (err)
		flow_report_explain(err, failed ? failed->name : report->relay, ret_why);
	return err;
}

int flow_report_collect(const struct flow_report *report, struct flow_list *list, char *ret_why)
{
	struct flow_list earlier __cleanup_flow_list = { .n = 0 };
	uint64_t begin = monotonic_ms();
	int err;

	*list = (struct flow_list){ .n = 0 };
	if (!report->sample_ms)
		return fill(report, list, ret_why);
	err = fill(report, &earlier, ret_why);
	if (err)
		return err;
	usleep(report->sample_ms * 1000);
	err = fill(report, list, ret_why);
	if (!err)
		flow_list_sample(list, &earlier, monotonic_ms() - begin);
	return err;
}

/* ---- printing ----------------------------------------------------------- */

static void print_flows(const struct flow_report *report, const struct flow_list *list,
			const struct flow_totals *totals)
{
	flows_print_list(list, report->limit);
	for (int key = FLOWS_CLIENT; list->n && key < FLOWS_KEY_MAX; key++) {
		if (key == FLOWS_RULE && !list->has_rules)
			continue;
		printf("\n");
		flows_print_totals(list, &totals[key], TOP);
	}
}

static void print_text(const struct flow_report *report, const struct flow_list *list,
		       const struct flow_totals *totals)
{
	if (report->key == FLOWS_TOTAL)
		print_flows(report, list, totals);
	else
		flows_print_totals(list, &totals[report->key], report->limit);
	if (list->n)
		printf("\n");
	flows_print_sum(list, &totals[FLOWS_TOTAL], &totals[FLOWS_CLIENT],
			&totals[FLOWS_DESTINATION]);
}

int flow_report_print(const struct flow_report *report, struct flow_list *list)
{
	struct flow_totals totals[FLOWS_KEY_MAX] = { 0 };
	int err = 0;

	flow_list_sort(list, report->order);
	for (int key = 0; key < FLOWS_KEY_MAX && !err; key++)
		err = flow_totals_make(list, (enum flow_key)key, &totals[key]);
	if (!err && report->json)
		flows_print_json(list, totals, report->limit);
	else if (!err)
		print_text(report, list, totals);
	for (int key = 0; key < FLOWS_KEY_MAX; key++)
		flow_totals_free(&totals[key]);
	if (!err && (fflush(stdout) || ferror(stdout)))
		err = -errno;
	return err;
}
