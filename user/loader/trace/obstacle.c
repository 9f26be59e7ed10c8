/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/trace/obstacle.h"

#include <string.h>

#include "lib/log.h"
#include "loader/app/privileges.h"
#include "tproxy_watch.h"

void trace_obstacle_report(int err)
{
	if (err == -EUSERS)
		log_error("trace: %d traces and monitors run already (end one; one that was killed "
			  "counts for %llu s more)",
			  TPROXY_WATCHERS, TPROXY_WATCH_LIFE_NS / 1000000000);
	else if (err == -ENOENT)
		log_error(
			"trace: the attached programs are of an older build, which shows no verdicts "
			"(tproxy-loader attach IF replaces them by those of this build)");
	else if (err == -EPERM || err == -EACCES)
		log_error(
			"trace: permission denied: CAP_BPF and CAP_PERFMON are needed (run as root)");
	else
		log_error("trace: cannot begin: %s", strerror(-err));
}

void trace_obstacle_warn(int err)
{
	const char *why = strerror(-err);

	if (err == -ENODATA)
		why = "this kernel has no BTF: /sys/kernel/btf/vmlinux is missing or cannot be read "
		      "(use a kernel with CONFIG_DEBUG_INFO_BTF)";
	else if (!privileges_trace())
		why = "permission denied: CAP_BPF and CAP_PERFMON are needed (run as root)";
	else if (privileges_locked_down())
		why = "the kernel lets no program read its memory: lockdown is \"confidentiality\" "
		      "(boot with lockdown=integrity)";
	else if (err == -E2BIG || err == -EBUSY)
		why = "too many traces run already (end one)";
	log_warn("trace: only verdicts are shown, not what the kernel drops: %s", why);
}
