/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/process/slots.h"

#include <bpf/bpf.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/util.h"

#define WAYS ((unsigned int)TPROXY_GROUP_WAYS)

static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) ? 0 : cookie;
}

void slots_init(struct slots *s, const struct listener_set *set)
{
	*s = (struct slots){ .set = set };
	for (int cls = 0; cls < TPROXY_CLASS_MAX; cls++) {
		bool one = set->udp_one_worker && !class_is_tcp((enum tproxy_class)cls);

		s->count[cls] = one ? set->way_count[cls] > 0 : set->way_count[cls];
	}
	slots_update(s);
}

static void note_cookie(struct slots *s, int cls, unsigned int i)
{
	int fd = *s->set->ways[i][cls];
	uint64_t cookie = fd < 0 ? 0 : cookie_of(fd);

	if (s->cookie[cls][i] && s->cookie[cls][i] != cookie)
		s->former[cls][i] = s->cookie[cls][i];
	s->cookie[cls][i] = cookie;
}

void slots_update(struct slots *s)
{
	for (int cls = 0; cls < TPROXY_CLASS_MAX; cls++)
		for (unsigned int i = 0; i < s->set->way_count[cls]; i++)
			note_cookie(s, cls, i);
	s->changed = true;
}

/* The pinned map, if it is one of our kind: a descriptor or -errno. */
static int open_map(const char *path)
{
	__cleanup_close int map = bpf_obj_get(path);
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);

	if (map < 0)
		return -errno;
	if (bpf_obj_get_info_by_fd(map, &info, &len))
		return -errno;
	if (info.type != BPF_MAP_TYPE_SOCKMAP || info.key_size != sizeof(__u32) ||
	    info.value_size != sizeof(__u64) || info.max_entries < TPROXY_GROUP_SLOTS)
		return -EMEDIUMTYPE;
	return take_fd(&map);
}

/* Also if the socket is for no slot, as those of the other workers in a full cone. */
static bool is_ours(const struct slots *s, int cls, uint64_t cookie)
{
	for (unsigned int i = 0; i < s->set->way_count[cls]; i++)
		if (cookie && (s->cookie[cls][i] == cookie || s->former[cls][i] == cookie))
			return true;
	return false;
}

/* Of our sockets for slots, those that are open. */
static unsigned int open_count(const struct slots *s, int cls)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < s->count[cls]; i++)
		n += s->cookie[cls][i] != 0;
	return n;
}

/* The socket for this slot, or the next one that is open; there is one. */
static unsigned int turn_of(const struct slots *s, int cls, unsigned int way)
{
	unsigned int turn = way % s->count[cls];

	while (!s->cookie[cls][turn])
		turn = (turn + 1) % s->count[cls];
	return turn;
}

static void judge(struct slots *s, int cls, uint64_t cookie)
{
	if (!cookie)
		s->empty += open_count(s, cls) > 0;
	else if (is_ours(s, cls, cookie))
		s->ours++;
	else
		s->others++;
}

static int look(struct slots *s, int map)
{
	s->ours = s->others = s->empty = 0;
	for (int cls = 0; cls < TPROXY_CLASS_MAX; cls++) {
		for (unsigned int way = 0; way < WAYS; way++) {
			__u32 slot = TPROXY_SLOT(0u, (__u32)cls, way);
			uint64_t cookie = 0;

			if (bpf_map_lookup_elem(map, &slot, &cookie) && errno != ENOENT)
				return -errno;
			s->held[cls][way] = cookie;
			judge(s, cls, cookie);
		}
	}
	return 0;
}

static int put(struct slots *s, int map, int cls, unsigned int way, __u64 flags)
{
	unsigned int turn = turn_of(s, cls, way);
	__u32 slot = TPROXY_SLOT(0u, (__u32)cls, way);
	__u64 value = (__u64)*s->set->ways[turn][cls];

	if (s->held[cls][way] == s->cookie[cls][turn])
		return 0;
	if (bpf_map_update_elem(map, &slot, &value, flags))
		return -errno;
	s->filled += !s->held[cls][way];
	s->held[cls][way] = s->cookie[cls][turn];
	return 0;
}

/*
 * Every relay begins with the same slot, and none puts a socket into a slot that was filled
 * meanwhile. So if several relays find the slots empty, only one gets the first.
 */
static int fill_slot(struct slots *s, int map, int cls, unsigned int way)
{
	uint64_t held = s->held[cls][way];
	int err;

	if (held && !is_ours(s, cls, held))
		return 0;
	err = put(s, map, cls, way, held ? BPF_ANY : BPF_NOEXIST);
	if (err == -EEXIST)
		return s->ours ? 0 : -EBUSY;
	if (!err && !held)
		s->ours++;
	return err;
}

/* After look(): puts our sockets, in their order, into empty slots and those that we have. */
static int fill(struct slots *s, int map)
{
	int first = 0;

	for (int cls = 0; cls < TPROXY_CLASS_MAX; cls++) {
		for (unsigned int way = 0; way < WAYS && open_count(s, cls); way++) {
			int err = fill_slot(s, map, cls, way);

			if (err == -EBUSY)
				return err;
			/* A listener that was shut down must not keep the others out. */
			first = first_error(first, err);
		}
	}
	return first;
}

static unsigned int slots_with(const struct slots *s, int cls, uint64_t cookie)
{
	unsigned int n = 0;

	for (unsigned int way = 0; way < WAYS; way++)
		n += s->held[cls][way] == cookie;
	return n;
}

/* The last slot of the socket with the most slots among those of other relays; -1: none has one. */
static int widest_other(const struct slots *s, int cls)
{
	unsigned int most = 0;
	int found = -1;

	for (unsigned int way = 0; way < WAYS; way++) {
		uint64_t held = s->held[cls][way];
		unsigned int n = held && !is_ours(s, cls, held) ? slots_with(s, cls, held) : 0;

		if (n && n >= most) {
			most = n;
			found = (int)way;
		}
	}
	return found;
}

/* Our number of slots: the same share as our sockets are of all sockets there; at least one. */
static unsigned int fair_share(const struct slots *s, int cls)
{
	unsigned int own = open_count(s, cls);
	unsigned int all = own;
	unsigned int share;

	for (unsigned int way = 0; way < WAYS; way++) {
		uint64_t held = s->held[cls][way];
		bool first = true;

		for (unsigned int before = 0; before < way; before++)
			first &= s->held[cls][before] != held;
		all += held && first && !is_ours(s, cls, held);
	}
	share = (WAYS * own + all / 2) / all;
	return share ? share : 1;
}

static unsigned int ours_in(const struct slots *s, int cls)
{
	unsigned int n = 0;

	for (unsigned int way = 0; way < WAYS; way++)
		n += is_ours(s, cls, s->held[cls][way]);
	return n;
}

static int share_class(struct slots *s, int map, int cls)
{
	unsigned int share = fair_share(s, cls);

	while (ours_in(s, cls) < share) {
		int way = widest_other(s, cls);
		int err = way < 0 ? 0 : put(s, map, cls, (unsigned int)way, BPF_ANY);

		if (err || way < 0)
			return err;
		s->ours++;
		s->others--;
	}
	return 0;
}

/* After look(): takes our part from other relays. */
static int share(struct slots *s, int map)
{
	int err = 0;

	for (int cls = 0; cls < TPROXY_CLASS_MAX && !err; cls++)
		if (open_count(s, cls))
			err = share_class(s, map, cls);
	return err;
}

static int fill_and_share(struct slots *s, int map, bool join)
{
	int err = fill(s, map);

	if (!err && join)
		err = look(s, map);
	if (!err && join)
		err = share(s, map);
	return err;
}

int slots_enter(struct slots *s, const char *path, bool join)
{
	__cleanup_close int map = open_map(path);
	int err = map < 0 ? map : look(s, map);

	if (err)
		return err;
	err = s->others && !s->ours && !join ? -EBUSY : fill_and_share(s, map, join);
	s->changed &= err != 0;
	return err;
}

int slots_refill(struct slots *s, const char *path, bool join, unsigned int *ret_filled)
{
	__cleanup_close int map = open_map(path);
	int err = map < 0 ? map : look(s, map);

	if (err)
		return err;
	s->filled = 0;
	if (s->empty || s->changed || (join && !s->ours))
		err = fill_and_share(s, map, join);
	s->changed &= err != 0;
	*ret_filled = s->filled;
	return err;
}

uint64_t slots_find_other(struct slots *s, const char *path)
{
	__cleanup_close int map = open_map(path);

	if (map < 0 || look(s, map) || s->ours)
		return 0;
	for (int cls = TPROXY_TCP4; cls <= TPROXY_TCP6; cls++)
		for (unsigned int way = 0; way < WAYS; way++)
			if (s->held[cls][way])
				return s->held[cls][way];
	return 0;
}
