/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/nl_dump.h"

#include <string.h>

#include "lib/util.h"

#define TRIES 20
#define TRIES_LEAST 4
#define ENOUGH_MS 20    /* after this time only the least number of tries */
#define PAUSE_NS 100000 /* after the first try; after the second twice as long, and so on */
#define PART_STEP 512

/* Messages of all tries, one after the other. */
struct messages {
	char *bytes; /* owned */
	size_t len, room;
	size_t n;
};

static void messages_free(struct messages *messages)
{
	free(messages->bytes);
}

static int messages_grow(struct messages *messages, size_t more)
{
	size_t room = messages->room ? messages->room : 4096;
	char *bytes;

	while (room < messages->len + more)
		room *= 2;
	if (room == messages->room)
		return 0;
	bytes = realloc(messages->bytes, room);
	if (!bytes)
		return -ENOMEM;
	messages->bytes = bytes;
	messages->room = room;
	return 0;
}

static int keep(const struct nlmsghdr *msg, void *arg)
{
	size_t size = MNL_ALIGN(msg->nlmsg_len);
	struct messages *messages = arg;

	if (messages_grow(messages, size)) {
		errno = ENOMEM;
		return MNL_CB_ERROR;
	}
	memset(messages->bytes + messages->len, 0, size);
	memcpy(messages->bytes + messages->len, msg, msg->nlmsg_len);
	messages->len += size;
	messages->n++;
	return MNL_CB_OK;
}

static struct nlmsghdr *message_at(const struct messages *messages, size_t at)
{
	return (void *)(messages->bytes + at);
}

/* ---- each message once -------------------------------------------------- */

/* Offsets of messages plus one, 0 is free; a power of two of places. */
struct seen {
	size_t *places; /* owned */
	size_t mask;
};

static __u64 hash(const struct nlmsghdr *msg)
{
	const unsigned char *at = mnl_nlmsg_get_payload(msg);
	__u64 sum = 0xcbf29ce484222325ULL; /* FNV-1a */

	for (size_t i = 0; i < mnl_nlmsg_get_payload_len(msg); i++)
		sum = (sum ^ at[i]) * 0x100000001b3ULL;
	return sum ^ sum >> 32;
}

static bool same(const struct nlmsghdr *a, const struct nlmsghdr *b)
{
	return a->nlmsg_len == b->nlmsg_len && a->nlmsg_type == b->nlmsg_type &&
	       !memcmp(mnl_nlmsg_get_payload(a), mnl_nlmsg_get_payload(b),
		       mnl_nlmsg_get_payload_len(a));
}

static bool is_new(struct seen *seen, const struct messages *messages, size_t at)
{
	const struct nlmsghdr *msg = message_at(messages, at);
	size_t i = hash(msg) & seen->mask;

	for (; seen->places[i]; i = (i + 1) & seen->mask)
		if (same(message_at(messages, seen->places[i] - 1), msg))
			return false;
	seen->places[i] = at + 1;
	return true;
}

static int seen_make(struct seen *seen, size_t n)
{
	size_t size = 16;

	while (size < 2 * n)
		size *= 2;
	seen->places = calloc(size, sizeof(*seen->places));
	seen->mask = size - 1;
	return seen->places ? 0 : -ENOMEM;
}

/* ---- the callback ------------------------------------------------------- */

static int give(const struct nl_reader *reader, const struct messages *messages, size_t at,
		struct seen *seen)
{
	int more = MNL_CB_OK;

	for (; at < messages->len && more == MNL_CB_OK;
	     at += MNL_ALIGN(message_at(messages, at)->nlmsg_len))
		if (!seen || is_new(seen, messages, at))
			more = reader->cb(message_at(messages, at), reader->arg);
	return more < 0 ? -errno : 0;
}

static int give_all_once(const struct nl_reader *reader, const struct messages *messages)
{
	struct seen seen;
	int err = seen_make(&seen, messages->n);

	if (!err)
		err = give(reader, messages, 0, &seen);
	free(seen.places);
	return err;
}

/* ---- the tries ---------------------------------------------------------- */

/*
 * With parts of another size a change falls between other messages, so that two tries do not skip
 * the same one.
 */
static void prepare_next(struct nl *nl, int tries)
{
	const struct timespec pause = { .tv_nsec = (long)PAUSE_NS * tries };

	if (nl->part + PART_STEP <= NL_PART_MAX)
		nl->part += PART_STEP;
	nanosleep(&pause, NULL);
}

int nl_dump(struct nl_reader *reader)
{
	struct messages messages __attribute__((cleanup(messages_free))) = { 0 };
	const __u64 begin = monotonic_ms();
	int err = 0;

	for (int tries = 1; tries <= TRIES; tries++) {
		struct nl_reader r = *reader;
		size_t start = messages.len;

		r.cb = keep;
		r.arg = &messages;
		err = nl_ask(&r);
		if (!err && !r.interrupted)
			return give(reader, &messages, start, NULL);
		if (err && err != -ENOBUFS)
			return err;
		if (tries >= TRIES_LEAST && monotonic_ms() - begin > ENOUGH_MS)
			break;
		prepare_next(reader->nl, tries);
	}
	return err ? err : give_all_once(reader, &messages);
}
