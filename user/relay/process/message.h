/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The messages between two relays of this host: on a connection of SOCK_SEQPACKET, each with a
 * version, a type, a body and descriptors. handover.h says in which order they come. Must not know
 * what is done about a message.
 */
#ifndef TPROXY_RELAY_PROCESS_MESSAGE_H
#define TPROXY_RELAY_PROCESS_MESSAGE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "relay/process/inherited.h"

/* Another one for each change of a body below. Relays of other versions refuse each other. */
#define MESSAGE_VERSION 1
#define MESSAGE_BODY_MAX 4096
#define MESSAGE_FDS_MAX (LISTENERS_MAX + 2)

enum message_type {
	/* The new relay to the running one. */
	MESSAGE_HELLO = 1, /* descriptors: its namespaces, by enum namespace_kind */
	MESSAGE_READY,     /* it could serve now */
	MESSAGE_DONE,      /* it serves */
	/* The running relay to the new one. */
	MESSAGE_OFFER = 16, /* struct offer */
	MESSAGE_REFUSED,    /* struct refusal */
	MESSAGE_ABORTED,    /* it came too late: the running one continues */
	MESSAGE_RETIRED,    /* struct peer; descriptors: control socket, segment if there is one */
	MESSAGE_PAUSED,     /* struct paused; descriptor: our segment, if there is one */
	/*
	 * The same way, from any thread and between READY and PAUSED: what one thread gives away. Bodies
	 * belong to the modules that send and take them.
	 */
	MESSAGE_UDP_SESSION = 32,
	/* The serving relay to a retired one. */
	MESSAGE_RELOAD = 48, /* read lists and limits again */
	MESSAGE_DRAIN,       /* end within drain-timeout */
	MESSAGE_RESET,       /* end now */
	/* The same way, for the daemon to distribute. */
	MESSAGE_OTHER = 64,
	MESSAGE_FLOWS = MESSAGE_OTHER, /* struct flows_request; descriptor: the client that asks */
	MESSAGE_LOG,                   /* open the log again */
};

enum refusal_cause { REFUSAL_VERSION, REFUSAL_MNT, REFUSAL_NET, REFUSAL_BUSY };

/* This body is the same in all versions. */
struct refusal {
	uint32_t cause; /* enum refusal_cause */
};

/* Descriptors: the listening socket of hand-overs, that of flow lists if has_flows, listeners. */
struct offer {
	uint32_t count; /* of listeners */
	uint32_t has_flows;
	uint64_t next_id;     /* of a flow, for a new relay that does not live to see PAUSED */
	uint32_t watchdog_ms; /* how often the service manager gets a message, 0: never */
	int32_t pid;
	uint8_t way[LISTENERS_MAX]; /* as in struct inherited */
};

struct peer {
	int32_t pid;
};

struct paused {
	uint64_t next_id; /* no flow has this id or a higher one */
	int32_t pid;
	uint32_t unused;
};

struct message {
	uint16_t type; /* enum message_type */
	uint16_t version;
	uint32_t size; /* of the body */
	unsigned int fd_count;
	union {
		struct refusal refusal;
		struct offer offer;
		struct peer peer;
		struct paused paused;
		unsigned char body[MESSAGE_BODY_MAX];
	};
	int fds[MESSAGE_FDS_MAX];
};

/* What is sent, borrowed. */
struct message_out {
	enum message_type type;
	const void *body;
	size_t size;
	const int *fds;
	unsigned int fd_count;
};

/* From any thread. Never blocks: -EAGAIN if the peer does not read. 0 or -errno. */
int message_send(int to, const struct message_out *out);
int message_send_plain(int to, enum message_type type);

/*
 * Reads one, with at most max_fds descriptors, which the caller closes (message_close). The body is
 * as long as the type demands. 0 or -errno; -ECONNRESET: the peer is gone; -EPROTO: another
 * version, or no message of ours; -EMFILE: no room for its descriptors.
 */
int message_receive(int from, unsigned int max_fds, struct message *ret_message);

/* Closes the descriptors that are left: those taken by take_fd are -1. */
void message_close(struct message *m);

#endif
