// SPDX-License-Identifier: BSD-2-Clause
/*
 * Loaded by LD_PRELOAD: makes allocations and close fail in a running program, as asked through
 * FAULT_FILE by `fault`. Passes all else on to whoever is next, libc or a sanitizer. A close that
 * fails has closed the descriptor all the same, as Linux does it.
 *
 * Allocations that libc and libseccomp make for themselves do not fail, because they would crash or
 * hang (getpwnam, thread-local data, filters); the call of the relay fails as a whole instead.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <pwd.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload.h"

#define OBJECTS 64

/* Where the program and its libraries are mapped; the program is the first one. */
static struct object {
	uintptr_t base, begin, end;
	bool spared;
} objects[OBJECTS];
static unsigned int objects_n;
static struct fault_page *page;

static bool is_spared(const char *path)
{
	static const char *const names[] = { "/libc.so.", "/libseccomp.", "/ld-linux", "/ld64." };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strstr(path, names[i]))
			return true;
	return false;
}

static int add_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct object *o = &objects[objects_n];

	if (objects_n == OBJECTS)
		return 1;
	*o = (struct object){ .base = info->dlpi_addr,
			      .begin = UINTPTR_MAX,
			      .spared = is_spared(info->dlpi_name) };
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t at = info->dlpi_addr + p->p_vaddr;

		if (p->p_type != PT_LOAD)
			continue;
		if (at < o->begin)
			o->begin = at;
		if (at + p->p_memsz > o->end)
			o->end = at + p->p_memsz;
	}
	objects_n++;
	return 0;
}

/* NULL: an object that was loaded later, as name services are. */
static const struct object *object_of(const void *caller)
{
	for (const struct object *o = objects; o < objects + objects_n; o++)
		if ((uintptr_t)caller >= o->begin && (uintptr_t)caller < o->end)
			return o;
	return NULL;
}

static void __attribute__((constructor)) preload_init(void)
{
	const char *path = getenv("FAULT_FILE");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *mem;

	if (fd < 0)
		return;
	dl_iterate_phdr(add_object, NULL);
	mem = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	syscall(SYS_close, fd);
	if (mem != MAP_FAILED)
		page = mem;
}

/* True: this call must fail, and errno is set. */
static bool fails(struct fault_plan *plan)
{
	uint64_t n;

	if (!atomic_load(&plan->armed))
		return false;
	n = atomic_fetch_add(&plan->calls, 1) + 1;
	if (n < plan->first || (n - plan->first) % plan->every)
		return false;
	if (atomic_fetch_add(&plan->failed, 1) >= plan->most) {
		atomic_fetch_sub(&plan->failed, 1);
		return false;
	}
	errno = (int)plan->error;
	return true;
}

/* Returns where the site is kept or may be, NULL: no place is left. */
static _Atomic uint64_t *find_site(uint64_t site)
{
	for (int i = 0; i < FAULT_SITES; i++) {
		uint64_t known = atomic_load(&page->sites[i]);

		if (!known || known == site)
			return &page->sites[i];
	}
	return NULL;
}

static void note_site(uint64_t site)
{
	for (;;) {
		_Atomic uint64_t *place = find_site(site);
		uint64_t none = 0;

		if (!place || atomic_load(place) == site ||
		    atomic_compare_exchange_strong(place, &none, site))
			return;
	}
}

static bool refused(const void *caller)
{
	const struct object *o = object_of(caller);
	_Atomic uint64_t *place;
	uint64_t site = 0;

	if (!page || (o && o->spared))
		return false;
	/* The call itself, not where it returns to. */
	if (o)
		site = ((uint64_t)(o - objects) << FAULT_OBJECT_SHIFT) |
		       ((uintptr_t)caller - o->base - 1);
	if (atomic_load(&page->alloc.armed) && page->alloc.fresh) {
		place = site ? find_site(site) : NULL;
		if (!place || atomic_load(place) == site)
			return false;
	}
	if (!fails(&page->alloc))
		return false;
	if (site)
		note_site(site);
	return true;
}

#define CALLER __builtin_return_address(0)
#define NEXT(name)                                                                                 \
	({                                                                                         \
		static __typeof__(&name) next_;                                                    \
		if (!next_)                                                                        \
			next_ = (__typeof__(&name))dlsym(RTLD_NEXT, #name);                        \
		next_;                                                                             \
	})

void *malloc(size_t size)
{
	return refused(CALLER) ? NULL : NEXT(malloc)(size);
}

void *calloc(size_t n, size_t size)
{
	return refused(CALLER) ? NULL : NEXT(calloc)(n, size);
}

void *realloc(void *old, size_t size)
{
	return refused(CALLER) ? NULL : NEXT(realloc)(old, size);
}

void *reallocarray(void *old, size_t n, size_t size)
{
	return refused(CALLER) ? NULL : NEXT(reallocarray)(old, n, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return refused(CALLER) ? NULL : NEXT(aligned_alloc)(alignment, size);
}

int posix_memalign(void **mem, size_t alignment, size_t size)
{
	return refused(CALLER) ? errno : NEXT(posix_memalign)(mem, alignment, size);
}

FILE *fopen(const char *path, const char *mode)
{
	return refused(CALLER) ? NULL : NEXT(fopen)(path, mode);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
	return refused(CALLER) ? EAGAIN : NEXT(pthread_create)(thread, attr, run, arg);
}

struct passwd *getpwnam(const char *name)
{
	return refused(CALLER) ? NULL : NEXT(getpwnam)(name);
}

scmp_filter_ctx seccomp_init(uint32_t action)
{
	return refused(CALLER) ? NULL : NEXT(seccomp_init)(action);
}

/* The relay gives no arguments here. */
int seccomp_rule_add(scmp_filter_ctx ctx, uint32_t action, int call, unsigned int count, ...)
{
	if (refused(CALLER))
		return -ENOMEM;
	return count ? -EINVAL : NEXT(seccomp_rule_add_array)(ctx, action, call, 0, NULL);
}

int seccomp_rule_add_array(scmp_filter_ctx ctx, uint32_t action, int call, unsigned int count,
			   const struct scmp_arg_cmp *args)
{
	return refused(CALLER) ? -ENOMEM :
				 NEXT(seccomp_rule_add_array)(ctx, action, call, count, args);
}

int seccomp_load(const scmp_filter_ctx ctx)
{
	return refused(CALLER) ? -ENOMEM : NEXT(seccomp_load)(ctx);
}

/* In the program only: libraries also map memory for others, as libc does for threads. */
void *mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset)
{
	if ((flags & MAP_ANONYMOUS) && object_of(CALLER) == &objects[0] && refused(CALLER))
		return MAP_FAILED;
	return NEXT(mmap)(at, size, prot, flags, fd, offset);
}

int close(int fd)
{
	int rc = (int)syscall(SYS_close, fd);

	if (!page)
		return rc;
	if (rc && errno == EBADF)
		atomic_fetch_add(&page->bad_closes, 1);
	return fails(&page->close) ? -1 : rc;
}

int fclose(FILE *file)
{
	int rc = NEXT(fclose)(file);

	return page && fails(&page->close) ? EOF : rc;
}
