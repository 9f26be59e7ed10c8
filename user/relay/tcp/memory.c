/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/tcp/memory.h"

#include <stdatomic.h>
#include <stdio.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "lib/util.h"

/*
 * The budget: as much as 64 directions that hold 4 MiB, and at most a quarter of the memory at
 * which the kernel begins to press on all TCP sockets of the host (tcp_mem[1]). Stalled directions
 * may hold half of the budget, and half of that memory however small each is.
 */
#define BUDGET_MAX (64 * 4096 * 1024LL)
#define PRESSURE_DEFAULT (64 * 1024 * 1024LL) /* bytes; of a host with 1 GiB */
#define EARLY_MAX 64

static struct {
	int64_t budget;
	int64_t stalled_max;
	_Atomic int64_t charged;
	_Atomic int64_t stalled;
	_Atomic int64_t stalled_count;
	_Atomic int early;
} account = { .budget = PRESSURE_DEFAULT / 4, .stalled_max = PRESSURE_DEFAULT / 2 };

/* Other network namespaces do not show tcp_mem: then what the kernel makes of the memory. */
static int64_t pressure(void)
{
	__cleanup_file FILE *file = fopen("/proc/sys/net/ipv4/tcp_mem", "re");
	struct sysinfo info;
	long pages;

	if (file && fscanf(file, "%*d %ld", &pages) == 1 && pages > 0)
		return pages * (int64_t)sysconf(_SC_PAGESIZE);
	if (sysinfo(&info))
		return PRESSURE_DEFAULT;
	return (int64_t)info.totalram * info.mem_unit / 16;
}

void memory_set_limits(int64_t budget, int64_t stalled_max)
{
	account.budget = budget;
	account.stalled_max = stalled_max;
}

void memory_limits(void)
{
	int64_t bytes = pressure();

	memory_set_limits(bytes / 4 < BUDGET_MAX ? bytes / 4 : BUDGET_MAX, bytes / 2);
}

static uint32_t as_share(int64_t bytes)
{
	if (bytes < 0)
		return 0;
	return bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
}

void memory_charge(struct memory_share *share, int64_t hold)
{
	uint32_t charge = as_share(hold - MEMORY_SMALL);

	if (charge != share->charge)
		atomic_fetch_add(&account.charged, (int64_t)charge - share->charge);
	share->charge = charge;
}

void memory_stalled(struct memory_share *share, int64_t hold)
{
	uint32_t stalled = as_share(hold);

	if (stalled == share->stalled)
		return;
	atomic_fetch_add(&account.stalled, (int64_t)stalled - share->stalled);
	atomic_fetch_add(&account.stalled_count, !!stalled - !!share->stalled);
	share->stalled = stalled;
}

bool memory_take_early(struct memory_share *share)
{
	share->early = atomic_fetch_add(&account.early, 1) < EARLY_MAX;
	if (!share->early)
		atomic_fetch_sub(&account.early, 1);
	return share->early;
}

void memory_leave_early(struct memory_share *share)
{
	if (share->early)
		atomic_fetch_sub(&account.early, 1);
	share->early = false;
}

void memory_leave(struct memory_share *share)
{
	memory_charge(share, 0);
	memory_stalled(share, 0);
	memory_leave_early(share);
}

bool memory_is_short(void)
{
	return atomic_load(&account.charged) > account.budget / 4 * 3;
}

bool memory_is_ample(void)
{
	return atomic_load(&account.charged) < account.budget / 2;
}

bool memory_must_end(const struct memory_share *share)
{
	int64_t stalled = atomic_load(&account.stalled);
	int64_t count = atomic_load(&account.stalled_count);

	if (share->stalled * count < stalled)
		return false;
	return stalled > account.budget / 2 + count * MEMORY_SMALL || stalled > account.stalled_max;
}
