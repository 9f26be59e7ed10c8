/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was adopted: the pinned maps internal/adopted (programs) and internal/adopted_socks (their
 * sockets). They are made when the first process is adopted, and live as long as the state. Knows
 * neither processes nor sockets, only their numbers.
 */
#ifndef TPROXY_KERNEL_ADOPT_RECORDS_H
#define TPROXY_KERNEL_ADOPT_RECORDS_H

#include "kernel/adopt/process.h"
#include "kernel/state/state.h"

#define RECORDS_MAX 256
#define RECORDS_MAX_SOCKETS 4096

/* A program that listens: the key of internal/adopted. Host byte order. */
struct adopted_key {
	__u64 exe_dev, exe_ino;
	__u32 uid;
	__u16 port;
	__u8 protocol; /* IPPROTO_TCP, IPPROTO_UDP */
	__u8 zero;
};

struct adopted {
	__u32 pid;      /* of the latest process */
	__u32 sock_uid; /* who created its sockets */
	char comm[16];
	char exe[PROCESS_EXE_LEN];
	char cgroup[PROCESS_CGROUP_LEN]; /* of its shim; empty: none */
};

/* By the socket's cookie: internal/adopted_socks. */
struct adopted_socket {
	struct adopted_key key;
	__u32 made; /* 1: we made it transparent; 0: it was before */
	__u32 pid;  /* of the process where it was found */
};

struct record {
	struct adopted_key key;
	struct adopted value;
};
struct record_socket {
	__u64 cookie;
	struct adopted_socket value;
};

struct records {
	int adopted_fd, socks_fd; /* owned; -1: there are none yet */
	struct record *items;     /* owned */
	size_t n;
	struct record_socket *sockets; /* owned; sorted by cookie */
	size_t n_sockets;
};
#define RECORDS_CLOSED                                                                             \
	(struct records)                                                                           \
	{                                                                                          \
		.adopted_fd = -1, .socks_fd = -1                                                   \
	}

/* Reads all. 0, also without any, or -errno. Close it either way. */
int records_open(const struct state *state, struct records *records);
void records_close(struct records *records);
#define __cleanup_records __attribute__((cleanup(records_close)))

struct process_identity records_identity(const struct adopted_key *key);
/* NULL: there is none. */
const struct record *records_find(const struct records *records, const struct adopted_key *key);
const struct record_socket *records_socket(const struct records *records, __u64 cookie);

/*
 * These write the maps, not the arrays. The first put makes the maps. 0 or -errno; -E2BIG: too many
 * are adopted.
 */
int records_put(const struct state *state, struct records *records, const struct record *record);
int records_del(const struct records *records, const struct adopted_key *key);
int records_put_socket(const struct records *records, __u64 cookie,
		       const struct adopted_socket *value);
int records_del_socket(const struct records *records, __u64 cookie);

#endif
