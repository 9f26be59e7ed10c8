/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/reload.h"

#include <stdlib.h>

#include "relay/config/load.h"
#include "relay/log/record.h"

/* A file may have any number of errors, and the log is read by people. */
#define RELOAD_ERRORS_MAX 20
#define WHY_LEN 1024

static void report_error(const char *text, void *arg)
{
	unsigned int *errors = arg;

	if ((*errors)++ < RELOAD_ERRORS_MAX)
		record_say(RECORD_ERROR, "%s", text);
}

/* What the start refuses for its device, new settings must not bring either. */
static bool fits(const struct options *fresh, bool in_vrf, unsigned int *errors)
{
	char why[WHY_LEN];

	if (!in_vrf || !options_check_vrf(fresh, why, sizeof(why)))
		return true;
	report_error(why, errors);
	return false;
}

struct options *reload_read(int argc, char **argv, bool in_vrf)
{
	struct options *fresh = calloc(1, sizeof(*fresh));
	unsigned int errors = 0;
	struct options_source source = {
		.argc = argc, .argv = argv, .again = true, .error = report_error, .arg = &errors
	};

	if (fresh && options_load(fresh, &source) == OPTIONS_RUN && fits(fresh, in_vrf, &errors))
		return fresh;
	if (!fresh)
		report_error("out of memory", &errors);
	if (errors > RELOAD_ERRORS_MAX)
		record_say(RECORD_ERROR, "%u more errors are not logged",
			   errors - RELOAD_ERRORS_MAX);
	reload_free(fresh);
	return NULL;
}

void reload_free(struct options *o)
{
	if (o)
		options_free(o);
	free(o);
}
