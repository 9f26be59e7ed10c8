/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel/maps/confirm_deadline.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <time.h>

#define PIN "internal/pending"

/* This clock also runs during suspend: an operator's minute is a minute. */
__u64 confirm_deadline_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (__u64)ts.tv_sec * 1000000000ULL + (__u64)ts.tv_nsec;
}

__u64 confirm_deadline_seconds_left(const struct confirm_deadline *deadline)
{
	__u64 now = confirm_deadline_now();

	return now < deadline->until ? (deadline->until - now + 999999999) / 1000000000 : 0;
}

int confirm_deadline_read(const struct state *state, struct confirm_deadline *ret_deadline)
{
	struct confirm_deadline deadline = { 0 };
	__cleanup_close int fd = state_get(&state->pins, PIN);
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info), zero = 0;

	if (fd < 0 && fd != -ENOENT)
		return fd;
	if (fd >= 0) {
		if (bpf_obj_get_info_by_fd(fd, &info, &len))
			return -errno;
		if (info.value_size != sizeof(deadline))
			return -EMEDIUMTYPE;
		if (bpf_map_lookup_elem(fd, &zero, &deadline))
			return -errno;
	}
	*ret_deadline = deadline;
	return 0;
}

int confirm_deadline_write(const struct state *state, const struct confirm_deadline *deadline)
{
	__cleanup_close int fd = state_get(&state->pins, PIN);
	__u32 zero = 0;

	if (fd == -ENOENT) {
		fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "pending", sizeof(zero), sizeof(*deadline),
				    1, NULL);
		if (fd < 0)
			return -errno;
		/* Filled before it is pinned: another process may act on it at once. */
		if (bpf_map_update_elem(fd, &zero, deadline, BPF_ANY))
			return -errno;
		return state_pin(&state->pins, PIN, fd);
	}
	if (fd < 0)
		return fd;
	return bpf_map_update_elem(fd, &zero, deadline, BPF_ANY) ? -errno : 0;
}

bool confirm_deadline_is_armed(const struct state *state, const struct confirm_deadline *deadline)
{
	return deadline->generation && deadline->generation == state->config.generation;
}

bool confirm_deadline_read_armed(const struct state *state, struct confirm_deadline *ret_deadline)
{
	return !confirm_deadline_read(state, ret_deadline) &&
	       confirm_deadline_is_armed(state, ret_deadline);
}

bool confirm_deadline_fell_back(const struct state *state, const struct confirm_deadline *deadline)
{
	return deadline->fell_back && deadline->fell_back + 1 == state->config.generation;
}
