/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Proves that two processes live in the same mount and network namespace. A process that may not
 * look at another one shows descriptors of its own namespaces instead: root of a container that
 * shares the network of the host cannot get one of the host's mount namespace. Must not know why
 * somebody asks.
 */
#ifndef TPROXY_RELAY_PROCESS_NAMESPACES_H
#define TPROXY_RELAY_PROCESS_NAMESPACES_H

#include <sys/types.h>

enum namespace_kind { NAMESPACE_MNT, NAMESPACE_NET, NAMESPACE_MAX };

/* Those of this process. */
struct namespaces {
	struct {
		dev_t dev;
		ino_t ino;
	} id[NAMESPACE_MAX];
};

/* Descriptors of our own, in ret_fds, that the caller closes. 0 or -errno. */
int namespaces_open(int ret_fds[NAMESPACE_MAX]);

/* 0 or -errno; -EPROTO: /proc is not what it should be. */
int namespaces_read(struct namespaces *ret_own);

/* Compares: the first that differs, or NAMESPACE_MAX if the descriptors are of ours. */
enum namespace_kind namespaces_compare(const struct namespaces *own, const int fds[NAMESPACE_MAX]);

#endif
