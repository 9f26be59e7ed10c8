/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/admit/segment.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "lib/util.h"

#define MAGIC 0x73746e756f637874ULL /* "txcounts" */
#define VERSION 1
#define GROUP 32 /* slots: at half of all clients one group in 10000 is full */
#define GROUPS_MAX 8192
#define ARRIVAL_SLACK_NS 1000000000ULL
#define TAKEN UINT32_MAX /* as the owner: the slot is being filled */
/* Nobody can take the memory away under us. */
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW)

struct slot {
	uint8_t address[16];
	_Atomic uint32_t owner; /* family and scope of the address, written last; 0: free */
	uint32_t unused;
	struct segment_counts counts;
};

struct header {
	uint64_t magic;
	uint32_t version;
	uint32_t groups; /* a power of two */
	uint32_t seed;   /* of the hash */
	uint32_t unused;
	struct segment_counts total;
	uint64_t reserved[3];
};

_Static_assert(sizeof(struct header) == 64, "other versions of the relay read it");
_Static_assert(sizeof(struct slot) == 40, "other versions of the relay read it");

struct segment {
	int fd;
	size_t size;
	uint32_t groups; /* this and the next one: as they were when they were checked */
	uint32_t seed;
	struct header *header;
	struct slot *slots;
};

static size_t size_of(uint32_t groups)
{
	return sizeof(struct header) + (size_t)groups * GROUP * sizeof(struct slot);
}

/* The memory of `fd`, or without one memory that nobody else can map. */
static int map(struct segment *s, int prot)
{
	void *at = mmap(NULL, s->size, prot, s->fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED,
			s->fd, 0);

	if (at == MAP_FAILED)
		return -errno;
	s->header = at;
	s->slots = (struct slot *)(s->header + 1);
	return 0;
}

/* -1: no other process can have it. */
static int shared_memory(size_t size)
{
	__cleanup_close int fd =
		memfd_create("tproxy-relay-counts", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, (off_t)size) || fcntl(fd, F_ADD_SEALS, SEALS | F_SEAL_SEAL))
		return -1;
	return take_fd(&fd);
}

struct segment *segment_new(unsigned long clients)
{
	struct segment *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->groups = 1;
	while (s->groups < GROUPS_MAX && s->groups * (GROUP / 2) < clients)
		s->groups *= 2;
	s->size = size_of(s->groups);
	s->fd = shared_memory(s->size);
	if (map(s, PROT_READ | PROT_WRITE)) {
		segment_free(s);
		return NULL;
	}
	/* A secret, or clients could choose addresses that meet in one group. */
	if (getrandom(&s->seed, sizeof(s->seed), GRND_NONBLOCK) < 0)
		s->seed = (uint32_t)(uintptr_t)s;
	s->header->version = VERSION;
	s->header->groups = s->groups;
	s->header->seed = s->seed;
	s->header->magic = MAGIC;
	return s;
}

void segment_free(struct segment *s)
{
	if (!s)
		return;
	if (s->header)
		munmap(s->header, s->size);
	cleanup_fd(&s->fd);
	free(s);
}

static bool plausible_groups(uint32_t groups)
{
	return groups && groups <= GROUPS_MAX && !(groups & (groups - 1));
}

/* Its header, read once: the other process may change it. */
static int check(struct segment *s, const struct header *header)
{
	if (header->magic != MAGIC)
		return -EINVAL;
	if (header->version != VERSION)
		return -EPROTO;
	if (!plausible_groups(header->groups) || s->size != size_of(header->groups))
		return -EINVAL;
	s->groups = header->groups;
	s->seed = header->seed;
	return 0;
}

static int adopt(struct segment *s)
{
	int seals = fcntl(s->fd, F_GET_SEALS);
	struct header header;
	struct stat st;
	int err;

	if (seals < 0 || (seals & SEALS) != SEALS || fstat(s->fd, &st))
		return -EINVAL;
	if (st.st_size < (off_t)sizeof(header) || st.st_size > (off_t)size_of(GROUPS_MAX))
		return -EINVAL;
	s->size = (size_t)st.st_size;
	err = map(s, PROT_READ);
	if (err)
		return err;
	memcpy(&header, s->header, sizeof(header));
	return check(s, &header);
}

static void segment_disown(struct segment *s)
{
	s->fd = -1;
	segment_free(s);
}

static int segment_adopt(int fd, struct segment **ret_segment)
{
	struct segment *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->fd = fd;
	err = adopt(s);
	if (!err) {
		*ret_segment = s;
		return 0;
	}
	segment_disown(s);
	return err;
}

int segment_fd(const struct segment *s)
{
	return s->fd;
}

struct segment_counts *segment_total(struct segment *s)
{
	return &s->header->total;
}

/* ---- slots -------------------------------------------------------------- */

/* What a slot holds. */
struct key {
	uint8_t address[16];
	uint32_t owner;
};

static struct key key_of(const union saddr *client)
{
	bool v6 = client->sa.sa_family == AF_INET6;
	struct key key = { .owner = client->sa.sa_family };

	if (v6)
		memcpy(key.address, &client->v6.sin6_addr, 16);
	else
		memcpy(key.address, &client->v4.sin_addr, 4);
	if (v6)
		key.owner |= client->v6.sin6_scope_id << 8;
	return key;
}

static struct slot *group_of(const struct segment *s, const union saddr *client)
{
	uint32_t group = saddr_hash(client, s->seed) & (s->groups - 1);

	return &s->slots[(size_t)group * GROUP];
}

struct segment_counts *segment_claim(struct segment *s, const union saddr *client)
{
	struct slot *slot = group_of(s, client);
	struct key key = key_of(client);

	for (unsigned int i = 0; i < GROUP; i++, slot++) {
		uint32_t nobody = 0;

		if (!atomic_compare_exchange_strong(&slot->owner, &nobody, TAKEN))
			continue;
		memcpy(slot->address, key.address, sizeof(slot->address));
		atomic_store_explicit(&slot->counts.flows, 0, memory_order_relaxed);
		atomic_store_explicit(&slot->counts.arrival, 0, memory_order_relaxed);
		atomic_store_explicit(&slot->owner, key.owner, memory_order_release);
		return &slot->counts;
	}
	return NULL;
}

void segment_release(struct segment_counts *counts)
{
	struct slot *slot = (struct slot *)((char *)counts - offsetof(struct slot, counts));

	atomic_store_explicit(&slot->owner, 0, memory_order_release);
}

static const struct segment_counts *segment_find(const struct segment *s, const union saddr *client)
{
	const struct slot *slot = group_of(s, client);
	struct key key = key_of(client);

	for (unsigned int i = 0; i < GROUP; i++, slot++)
		if (atomic_load_explicit(&slot->owner, memory_order_acquire) == key.owner &&
		    !memcmp(slot->address, key.address, sizeof(key.address)))
			return &slot->counts;
	return NULL;
}

/* ---- those of other processes ------------------------------------------- */

void adopted_init(struct adopted *a)
{
	pthread_rwlock_init(&a->lock, NULL);
}

void adopted_free(struct adopted *a)
{
	for (unsigned int i = 0; i < a->count; i++)
		segment_free(a->segments[i]);
	pthread_rwlock_destroy(&a->lock);
}

int adopted_add(struct adopted *a, int fd, struct segment **ret_segment)
{
	struct segment *segment;
	int err = segment_adopt(fd, &segment);

	if (err)
		return err;
	pthread_rwlock_wrlock(&a->lock);
	if (a->count < ADOPTED_MAX)
		a->segments[a->count++] = segment;
	else
		err = -E2BIG;
	pthread_rwlock_unlock(&a->lock);
	if (err)
		segment_disown(segment);
	else
		*ret_segment = segment;
	return err;
}

void adopted_forget(struct adopted *a, struct segment *segment)
{
	bool found = false;

	pthread_rwlock_wrlock(&a->lock);
	for (unsigned int i = 0; i < a->count && !found; i++) {
		found = a->segments[i] == segment;
		if (found)
			a->segments[i] = a->segments[--a->count];
	}
	pthread_rwlock_unlock(&a->lock);
	if (found)
		segment_free(segment);
}

/* Clocks of threads differ by a turn; what is much later than `latest` is no arrival. */
static uint64_t add(const struct segment_counts *counts, _Atomic uint64_t *arrival, uint64_t latest)
{
	uint64_t there = atomic_load(&counts->arrival);
	uint64_t here = atomic_load(arrival);

	if (there > latest)
		there = there - latest < ARRIVAL_SLACK_NS ? latest : 0;
	while (here < there && !atomic_compare_exchange_weak(arrival, &here, there))
		;
	return atomic_load(&counts->flows);
}

uint64_t adopted_total(struct adopted *a, _Atomic uint64_t *arrival, uint64_t latest)
{
	uint64_t flows = 0;

	if (!atomic_load(&a->count))
		return 0;
	pthread_rwlock_rdlock(&a->lock);
	for (unsigned int i = 0; i < a->count; i++)
		flows += add(segment_total(a->segments[i]), arrival, latest);
	pthread_rwlock_unlock(&a->lock);
	return flows;
}

uint64_t adopted_of_client(struct adopted *a, const union saddr *client, _Atomic uint64_t *arrival,
			   uint64_t latest)
{
	uint64_t flows = 0;

	if (!atomic_load(&a->count))
		return 0;
	pthread_rwlock_rdlock(&a->lock);
	for (unsigned int i = 0; i < a->count; i++) {
		const struct segment_counts *counts = segment_find(a->segments[i], client);

		if (counts)
			flows += add(counts, arrival, latest);
	}
	pthread_rwlock_unlock(&a->lock);
	return flows;
}
