/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/pump.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void pump_free(struct pump *p)
{
	free(p->residue);
	p->residue = NULL;
	p->residue_len = 0;
}

static enum pump_result pump_fail(struct pump *p, enum pump_result how, int err)
{
	p->err = err;
	return how;
}

/*
 * Sends until everything is out (PUMP_YIELD) or the receiver is full. A partial
 * send is followed by another one, because only EAGAIN promises an edge.
 */
static enum pump_result pump_send(struct pump *p, int to, const uint8_t *data, size_t len,
				  size_t *ret_sent)
{
	size_t sent = 0;

	while (sent < len) {
		ssize_t n = send(to, data + sent, len - sent, MSG_NOSIGNAL);

		if (n >= 0) {
			sent += (size_t)n;
			p->bytes += (uint64_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		*ret_sent = sent;
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return PUMP_WAIT_WRITE;
		return pump_fail(p, PUMP_WRITE_FAILED, errno);
	}
	*ret_sent = sent;
	return PUMP_YIELD;
}

/* Sends what waits from last time. */
static enum pump_result pump_flush(struct pump *p, int to)
{
	size_t sent = 0;
	enum pump_result r =
		pump_send(p, to, p->residue + p->residue_off, p->residue_len, &sent);

	p->residue_off += (uint32_t)sent;
	p->residue_len -= (uint32_t)sent;
	if (!p->residue_len)
		pump_free(p);
	return r;
}

/* Sends fresh bytes and keeps what the receiver does not take. */
static enum pump_result pump_write(struct pump *p, int to, const uint8_t *buf, size_t len)
{
	size_t sent = 0;
	enum pump_result r = pump_send(p, to, buf, len, &sent);

	if (r != PUMP_WAIT_WRITE)
		return r;
	p->residue = malloc(len - sent);
	if (!p->residue)
		return pump_fail(p, PUMP_WRITE_FAILED, ENOMEM);
	memcpy(p->residue, buf + sent, len - sent);
	p->residue_off = 0;
	p->residue_len = (uint32_t)(len - sent);
	return r;
}

static enum pump_result pump_finish(struct pump *p, int to)
{
	/* ENOTCONN: the receiver is gone, by a reset that nobody has read yet. */
	if (shutdown(to, SHUT_WR))
		return pump_fail(p, PUMP_WRITE_FAILED, errno == ENOTCONN ? ECONNRESET : errno);
	p->done = true;
	return PUMP_DONE;
}

enum pump_result pump_run(struct pump *p, int from, int to, uint8_t *buf, unsigned int budget)
{
	enum pump_result r;

	if (p->done)
		return PUMP_DONE;
	if (p->residue) {
		r = pump_flush(p, to);
		if (r != PUMP_YIELD)
			return r;
	}
	if (p->eof)
		return pump_finish(p, to);
	while (budget--) {
		ssize_t n = recv(from, buf, PUMP_BUFFER_SIZE, 0);

		if (n == 0) {
			p->eof = true;
			return pump_finish(p, to);
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return PUMP_WAIT_READ;
		if (n < 0)
			return pump_fail(p, PUMP_READ_FAILED, errno);
		r = pump_write(p, to, buf, (size_t)n);
		if (r != PUMP_YIELD)
			return r;
	}
	return PUMP_YIELD;
}
