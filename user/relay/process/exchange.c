/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/process/exchange.h"

#include <sys/eventfd.h>

#include "lib/util.h"

void exchange_report_dead(struct exchange *x, struct worker_listeners *own, unsigned int row,
			  enum tproxy_class cls, int err)
{
	own->fds[row][cls] = -1;
	atomic_store(&x->dead[row][cls], err);
	eventfd_write(x->wake, 1);
}

int exchange_take_dead(struct exchange *x, unsigned int row, enum tproxy_class cls)
{
	return atomic_exchange(&x->dead[row][cls], 0);
}

void exchange_give(struct exchange *x, unsigned int row, enum tproxy_class cls, int fd)
{
	atomic_store(&x->arrived[row][cls], fd + 1);
}

int exchange_take(struct exchange *x, unsigned int row, enum tproxy_class cls)
{
	return atomic_exchange(&x->arrived[row][cls], 0) - 1;
}

void exchange_close(struct exchange *x)
{
	for (unsigned int row = 0; row < LISTENER_ROWS; row++) {
		for (enum tproxy_class cls = 0; cls < TPROXY_CLASS_MAX; cls++) {
			int fd = exchange_take(x, row, cls);

			cleanup_fd(&fd);
		}
	}
}
