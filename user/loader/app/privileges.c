/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/app/privileges.h"

#include <cap-ng.h>
#include <string.h>

#include "lib/util.h"

static bool have(unsigned int capability)
{
	return capng_have_capability(CAPNG_EFFECTIVE, capability);
}

bool privileges_attach(void)
{
	return !capng_get_caps_process() && have(CAP_NET_ADMIN) &&
	       (have(CAP_BPF) || have(CAP_SYS_ADMIN));
}

bool privileges_trace(void)
{
	return !capng_get_caps_process() &&
	       (have(CAP_SYS_ADMIN) || (have(CAP_BPF) && have(CAP_PERFMON)));
}

/* "none [integrity] confidentiality" */
bool privileges_locked_down(void)
{
	__cleanup_file FILE *file = fopen("/sys/kernel/security/lockdown", "re");
	char line[128] = "";

	return file && fgets(line, sizeof(line), file) && strstr(line, "[confidentiality]");
}
