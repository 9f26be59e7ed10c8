// SPDX-License-Identifier: BSD-2-Clause
/*
 * Chooses what fails in the process that has loaded preload.so.
 *
 *   fault FILE new                             makes the file; nothing fails
 *   fault FILE alloc FIRST [MOST [EVERY]]      the FIRSTth allocation from now on, then each
 *                                              EVERYth (1), MOST of them in all (1)
 *   fault FILE fresh                           the first one where none has failed yet
 *   fault FILE close ERRNO FIRST [MOST [EVERY]]  the same for close
 *   fault FILE off                             nothing fails; prints how many allocations
 *                                              there were since then and how many failed, the
 *                                              same for close, and how many closes there were
 *                                              in all of descriptors that were not open
 *   fault FILE sites                           where the program got no memory, for addr2line
 */
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "preload.h"

static struct fault_page *map(const char *path, int flags)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | flags, 0600);
	void *mem;

	if (fd < 0 || ftruncate(fd, sizeof(struct fault_page)))
		error(1, errno, "%s", path);
	mem = mmap(NULL, sizeof(struct fault_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mem == MAP_FAILED)
		error(1, errno, "%s", path);
	close(fd);
	return mem;
}

static uint64_t number(char **args, int i, uint64_t otherwise)
{
	for (int n = 0; n <= i; n++)
		if (!args[n])
			return otherwise;
	return strtoull(args[i], NULL, 0);
}

static void disarm(struct fault_plan *plan)
{
	atomic_store(&plan->armed, 0);
}

static void arm(struct fault_plan *plan, int err, char **args, bool fresh)
{
	disarm(plan);
	plan->error = (uint32_t)err;
	plan->first = number(args, 0, 1);
	plan->most = number(args, 1, 1);
	plan->every = number(args, 2, 1);
	plan->fresh = fresh;
	atomic_store(&plan->calls, 0);
	atomic_store(&plan->failed, 0);
	atomic_store(&plan->armed, 1);
}

static int errno_of(const char *name)
{
	for (int err = 1; err < 200; err++)
		if (strerrorname_np(err) && !strcmp(strerrorname_np(err), name))
			return err;
	error(1, 0, "%s: no such error", name);
	return 0;
}

static void off(struct fault_page *page)
{
	disarm(&page->alloc);
	disarm(&page->close);
	printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
	       atomic_load(&page->alloc.calls), atomic_load(&page->alloc.failed),
	       atomic_load(&page->close.calls), atomic_load(&page->close.failed),
	       atomic_load(&page->bad_closes));
}

static void sites(const struct fault_page *page)
{
	for (int i = 0; i < FAULT_SITES && page->sites[i]; i++)
		if (!(page->sites[i] >> FAULT_OBJECT_SHIFT))
			printf("%#" PRIx64 "\n", page->sites[i]);
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[2] : "";
	struct fault_page *page;

	if (argc < 3)
		error(2, 0, "FILE and what to do");
	page = map(argv[1], strcmp(what, "new") ? 0 : O_CREAT | O_TRUNC);
	if (!strcmp(what, "new"))
		return 0;
	if (!strcmp(what, "alloc"))
		arm(&page->alloc, ENOMEM, argv + 3, false);
	else if (!strcmp(what, "fresh"))
		arm(&page->alloc, ENOMEM, argv + 3, true);
	else if (!strcmp(what, "close") && argc > 3)
		arm(&page->close, errno_of(argv[3]), argv + 4, false);
	else if (!strcmp(what, "off"))
		off(page);
	else if (!strcmp(what, "sites"))
		sites(page);
	else
		error(2, 0, "%s: unknown", what);
	return 0;
}
