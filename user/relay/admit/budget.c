/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/admit/budget.h"

#include <fcntl.h>
#include <unistd.h>

/* In all threads: */
#define SESSIONS_MAX 65536
#define REPLIES_MAX 16384
#define DIRECTS_MAX 16384
#define PIPES_MAX 64 /* of a megabyte: fs.pipe-user-pages-soft, 64 MiB */

/* What opens later than at the start: raw sockets of a thread; a hand-over, files to read again. */
#define LATER_OF_THREAD 6
#define LATER_OF_PROCESS 16

/*
 * What no other thread can take from one, for each kind: a connection needs two, and so does a UDP
 * flow with its answers. Beyond that EMFILE decides.
 */
#define OF_THREAD_MIN 2
#define FLOWS_OF_CLIENT_MIN 8

static unsigned long least(unsigned long a, unsigned long b)
{
	return a < b ? a : b;
}

static unsigned int most(unsigned int a, unsigned int b)
{
	return a > b ? a : b;
}

static unsigned int for_each(unsigned long all, unsigned int threads)
{
	return all > threads ? (unsigned int)(all / threads) : 1;
}

void budget_init(struct budget *b, unsigned long nofile, unsigned int workers,
		 unsigned int udp_workers)
{
	*b = (struct budget){ .nofile = nofile, .workers = workers, .udp_workers = udp_workers };
	b->caps = (struct budget_caps){
		.pipes = for_each(least(nofile / 32, PIPES_MAX), workers),
		.sessions = for_each(least(nofile / 4, SESSIONS_MAX), udp_workers),
		.replies = for_each(least(nofile / 8, REPLIES_MAX), udp_workers),
		.directs = for_each(least(nofile / 8, DIRECTS_MAX), udp_workers),
	};
}

static void divide(struct budget *b, enum budget_kind kind, unsigned int part, unsigned int threads)
{
	b->of_thread[kind] = most(part / 2 / threads, OF_THREAD_MIN);
	b->of_kind[kind] = (int)(part - b->of_thread[kind] * threads);
}

void budget_open(struct budget *b, unsigned int used)
{
	unsigned long left = b->nofile > used ? b->nofile - used : 0;
	unsigned long later = LATER_OF_PROCESS + b->workers * LATER_OF_THREAD;
	unsigned int tcp_min = OF_THREAD_MIN * b->workers;
	unsigned int udp_min = OF_THREAD_MIN * b->udp_workers;
	unsigned int tcp, udp;

	/* With few descriptors it is better to meet EMFILE now and then. */
	later = least(later, left / 16) + 2UL * b->caps.pipes * b->workers;
	left = left > later ? left - later : 0;
	b->usable = most((unsigned int)left, tcp_min + udp_min);
	tcp = most(b->usable / 2, tcp_min);
	udp = (unsigned int)least(most(b->usable / 6, udp_min), b->usable - tcp);
	divide(b, BUDGET_TCP, tcp, b->workers);
	divide(b, BUDGET_UDP, udp, b->udp_workers);
	b->common = (int)(b->usable - tcp - udp);
	b->reserve = (int)b->usable / 32;
	/* A quarter of the descriptors, if each flow has two. */
	b->flows_of_client = most(b->usable / 8, FLOWS_OF_CLIENT_MIN);
}

unsigned int budget_used_now(void)
{
	int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return STDERR_FILENO + 1;
	close(fd);
	return (unsigned int)fd;
}

struct budget_share budget_share(struct budget *b, enum budget_kind kind)
{
	return (struct budget_share){ .budget = b, .kind = kind };
}

/* One of these, unless only `keep` would be left. */
static bool take_from(_Atomic int *left, int keep)
{
	int now = atomic_load(left);

	do {
		if (now <= keep)
			return false;
	} while (!atomic_compare_exchange_weak(left, &now, now - 1));
	return true;
}

static bool take_one(struct budget_share *s, bool few)
{
	struct budget *b = s->budget;

	if (s->kept) {
		s->kept--;
		return true;
	}
	if (s->used - s->used_of_kind - s->used_of_common >= b->of_thread[s->kind]) {
		if (take_from(&b->of_kind[s->kind], 0))
			s->used_of_kind++;
		else if (take_from(&b->common, few ? 0 : b->reserve))
			s->used_of_common++;
		else
			return false;
	}
	s->used++;
	return true;
}

/* Those that others can use, too, go back first. */
static void return_one(struct budget_share *s)
{
	struct budget *b = s->budget;

	s->used--;
	if (s->used_of_common) {
		s->used_of_common--;
		atomic_fetch_add(&b->common, 1);
	} else if (s->used_of_kind) {
		s->used_of_kind--;
		atomic_fetch_add(&b->of_kind[s->kind], 1);
	}
}

bool budget_take(struct budget_share *s, unsigned int n, bool few)
{
	for (unsigned int i = 0; i < n; i++) {
		if (take_one(s, few))
			continue;
		budget_return(s, i);
		return false;
	}
	return true;
}

void budget_force(struct budget_share *s, unsigned int n)
{
	while (n--)
		if (!take_one(s, true))
			s->used++;
}

void budget_return(struct budget_share *s, unsigned int n)
{
	if (s->keeps) {
		s->kept += n;
		return;
	}
	while (n-- && s->used)
		return_one(s);
}

void budget_keep(struct budget_share *s)
{
	s->keeps = true;
}

void budget_release(struct budget_share *s)
{
	unsigned int n = s->kept;

	s->keeps = false;
	s->kept = 0;
	budget_return(s, n);
}
