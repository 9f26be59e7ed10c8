/* SPDX-License-Identifier: BSD-2-Clause */
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>

#include "lib/util.h"
#include "loader/top/meter.h"

struct top_collector {
	struct top_meter meter; /* of the thread */
	unsigned int interval_ms;
	int news;
	pthread_mutex_t lock; /* guards the rest */
	struct top_frame frame;
	bool fresh;
};

static void publish(struct top_collector *c, struct top_frame *frame)
{
	const uint64_t one = 1;

	pthread_mutex_lock(&c->lock);
	top_frame_free(&c->frame);
	c->frame = *frame;
	c->fresh = true;
	pthread_mutex_unlock(&c->lock);
	if (write(c->news, &one, sizeof(one)) < 0)
		return; /* only full after 2^64 frames */
}

/* Without memory the previous frame stays. */
static void *collect(void *arg)
{
	struct top_collector *c = arg;

	for (;;) {
		struct top_frame frame;

		if (!top_meter_read(&c->meter, &frame))
			publish(c, &frame);
		usleep(c->interval_ms * 1000);
	}
	return NULL;
}

int top_collector_start(struct app *app, unsigned int interval_ms,
			struct top_collector **ret_collector)
{
	struct top_collector *c = calloc(1, sizeof(*c));
	sigset_t all, before;
	pthread_t thread;
	int err;

	if (!c)
		return -ENOMEM;
	c->meter.source.app = app;
	c->interval_ms = interval_ms;
	pthread_mutex_init(&c->lock, NULL);
	c->news = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = c->news < 0 ? errno : pthread_create(&thread, NULL, collect, c);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err) {
		cleanup_fd(&c->news);
		free(c);
		return -err;
	}
	pthread_detach(thread);
	*ret_collector = c;
	return 0;
}

int top_collector_fd(const struct top_collector *collector)
{
	return collector->news;
}

bool top_collector_take(struct top_collector *c, struct top_frame *frame)
{
	uint64_t news;
	bool fresh;

	if (read(c->news, &news, sizeof(news)) < 0)
		return false;
	pthread_mutex_lock(&c->lock);
	fresh = c->fresh;
	if (fresh) {
		top_frame_free(frame);
		*frame = c->frame;
		c->frame = (struct top_frame){ .n_relays = 0 };
		c->fresh = false;
	}
	pthread_mutex_unlock(&c->lock);
	return fresh;
}
