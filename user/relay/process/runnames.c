/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/process/runnames.h"

#include <inttypes.h>
#include <stdio.h>

#include "lib/rundir.h"
#include "relay/process/namespaces.h"

static void name(const struct options *o, const struct namespaces *own, const char *end, char *ret)
{
	snprintf(ret, RUN_NAME_LEN, "relay-%ju-%u%s%s.%s", (uintmax_t)own->id[NAMESPACE_NET].ino,
		 o->listen[0], *o->device ? "%" : "", o->device, end);
}

int run_names_make(const struct options *o, struct run_names *ret_names)
{
	struct namespaces own;
	int err = namespaces_read(&own);

	if (err)
		return err;
	name(o, &own, "handover", ret_names->handover);
	name(o, &own, "flows", ret_names->flows);
	return 0;
}

void run_names_forget(const struct run_names *names)
{
	rundir_forget(names->handover);
	rundir_forget(names->flows);
}
