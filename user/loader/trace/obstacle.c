/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/trace/obstacle.h"

#include <cap-ng.h>
#include <string.h>

#include "lib/log.h"

static bool have_capabilities(void)
{
	if (capng_get_caps_process())
		return false;
	return capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN) ||
	       (capng_have_capability(CAPNG_EFFECTIVE, CAP_BPF) &&
		capng_have_capability(CAPNG_EFFECTIVE, CAP_PERFMON));
}

/* Does a file of the kernel contain the text? */
static bool file_says(const char *path, const char *text)
{
	__cleanup_file FILE *file = fopen(path, "re");
	char line[256] = "";

	return file && fgets(line, sizeof(line), file) && strstr(line, text);
}

static bool is_locked_down(void)
{
	return file_says("/sys/kernel/security/lockdown", "[confidentiality]");
}

bool trace_obstacle_is_partial(int err)
{
	const char *why = "Operation not permitted, although the capabilities are there";

	if (err == -ENODATA || err == -E2BIG || err == -EBUSY || !have_capabilities() ||
	    is_locked_down())
		return false;
	if (file_says("/proc/sys/net/core/bpf_jit_enable", "0"))
		why = "they are interpreted: sysctl net.core.bpf_jit_enable=1, then detach and attach";
	else if (err == -ENOENT)
		why = "they have no BTF: tproxy-loader attach IF replaces them by those of this build";
	else if (err != -EPERM)
		why = strerror(-err);
	log_warn(
		"trace: only what the kernel drops is shown, no verdicts: this kernel lets no program "
		"attach to ours (%s; -vv shows more)",
		why);
	return true;
}

void trace_obstacle_report(int err)
{
	if (err == -ENODATA)
		log_error(
			"trace: this kernel has no BTF: /sys/kernel/btf/vmlinux is missing or cannot "
			"be read (use a kernel with CONFIG_DEBUG_INFO_BTF; status and test work "
			"without)");
	else if (!have_capabilities())
		log_error(
			"trace: permission denied: CAP_BPF and CAP_PERFMON are needed (run as root)");
	else if (is_locked_down())
		log_error("trace: the kernel lets no program read its memory: lockdown is "
			  "\"confidentiality\" (boot with lockdown=integrity; status and test work "
			  "without)");
	else if (err == -E2BIG || err == -EBUSY)
		log_error("trace: too many traces run already (end one)");
	else
		log_error("trace: cannot attach: %s (-vv shows what the kernel says)",
			  strerror(-err));
}
