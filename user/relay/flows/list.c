/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/flows/list.h"

#include <string.h>

#include "lib/flows/report.h"
#include "lib/log.h"
#include "lib/rundir.h"
#include "relay/process/privs.h"

int list_flows(const struct options *o)
{
	const struct flow_report report = { .limit = SIZE_MAX, .json = o->list_json };
	struct flow_list list __cleanup_flow_list = { .n = 0 };
	int err = o->netns[0] ? privs_enter_netns(o->netns) : 0;
	char why[FLOWS_WHY_LEN];

	if (err) {
		log_error("--netns %s: cannot be entered: %s (see: ip netns list; run as root)",
			  o->netns, strerror(-err));
		return 1;
	}
	if (o->run_dir[0])
		rundir_choose(o->run_dir);
	err = flow_report_collect(&report, &list, why);
	if (err) {
		log_error("%s", why);
		return 1;
	}
	if (list.silent)
		log_warn(
			"the list is not complete: %u of the relay's processes did not answer (try "
			"again)",
			list.silent);
	err = flow_report_print(&report, &list);
	if (err)
		log_error("standard output: %s (the list is not complete)", strerror(-err));
	return err ? 1 : 0;
}
