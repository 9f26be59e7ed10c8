/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/tcp/pump.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define TURN_BYTES (512 * 1024) /* then other flows get their turn */
#define TURN_READ_COST 4096     /* bytes that a read counts for at least */

/* A flow is bulk when it fills the buffer several times, or moves this much in this time … */
#define BULK_STREAK 3
#define BULK_SPAN_MS 100
#define BULK_SPAN_BYTES (1024 * 1024)
/* … and no longer when its reads are so small that one copy costs less than two splices. */
#define SMALL_READ (16 * 1024)
#define SMALL_STREAK 8

/* The outcome of one read; PUMP_YIELD: continue. */
struct step {
	enum pump_result result;
	size_t bytes;
};

void pump_free(struct pump *p, struct pump_tools *tools)
{
	free(p->residue);
	p->residue = NULL;
	p->residue_len = 0;
	p->urgent = false;
	if (p->pipe)
		pipes_put(&tools->pipes, p->pipe);
	p->pipe = NULL;
}

static enum pump_result pump_fail(struct pump *p, enum pump_result how, int err)
{
	p->err = err;
	return how;
}

static bool would_block(int err)
{
	return err == EAGAIN || err == EWOULDBLOCK;
}

/* How much of a buffer of that size the next read may fill. */
static size_t may_read(const struct pump *p, size_t size)
{
	return p->limit && p->left < size ? p->left : size;
}

static size_t read_size(const struct pump *p)
{
	return p->roomy ? PUMP_BUFFER_SIZE : PUMP_CONFINED_READ;
}

/* ---- choosing the way --------------------------------------------------- */

static void pump_note_read(struct pump *p, uint64_t now, size_t bytes)
{
	bool hint = p->bulk ? bytes < SMALL_READ : bytes == read_size(p);

	if (now - p->span_begin > BULK_SPAN_MS) {
		p->span_begin = now;
		p->span_bytes = 0;
	}
	p->span_bytes += (uint32_t)bytes;
	p->streak = hint ? p->streak + 1 : 0;
	if (p->streak < (p->bulk ? SMALL_STREAK : BULK_STREAK) &&
	    (p->bulk || bytes < SMALL_READ || p->span_bytes <= BULK_SPAN_BYTES))
		return;
	p->bulk = !p->bulk;
	p->streak = 0;
}

/* ---- copying ------------------------------------------------------------ */

/*
 * Sends until everything is out (PUMP_YIELD) or the receiver is full. A partial
 * send is followed by another one, because only EAGAIN promises an edge.
 */
static enum pump_result copy_send(struct pump *p, int to, const uint8_t *data, size_t len,
				  int flags, size_t *ret_sent)
{
	size_t sent = 0;

	while (sent < len) {
		ssize_t n = send(to, data + sent, len - sent, MSG_NOSIGNAL | flags);

		if (n >= 0) {
			sent += (size_t)n;
			p->bytes += (uint64_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		*ret_sent = sent;
		if (would_block(errno))
			return PUMP_WAIT_WRITE;
		return pump_fail(p, PUMP_WRITE_FAILED, errno);
	}
	*ret_sent = sent;
	return PUMP_YIELD;
}

/* Sends what the previous run left. */
static enum pump_result copy_flush(struct pump *p, struct pump_tools *tools, int to)
{
	size_t sent = 0;
	enum pump_result r = copy_send(p, to, p->residue + p->residue_off, p->residue_len,
				       p->urgent ? MSG_OOB : 0, &sent);

	p->residue_off += (uint32_t)sent;
	p->residue_len -= (uint32_t)sent;
	if (!p->residue_len)
		pump_free(p, tools);
	return r;
}

/* Sends bytes that were just read, and keeps what the receiver does not take. */
static enum pump_result copy_write(struct pump *p, int to, const uint8_t *buf, size_t len,
				   int flags)
{
	size_t sent = 0;
	enum pump_result r = copy_send(p, to, buf, len, flags, &sent);

	if (r != PUMP_WAIT_WRITE)
		return r;
	p->residue = malloc(len - sent);
	if (!p->residue)
		return pump_fail(p, PUMP_WRITE_FAILED, ENOMEM);
	memcpy(p->residue, buf + sent, len - sent);
	p->residue_off = 0;
	p->residue_len = (uint32_t)(len - sent);
	p->urgent = flags & MSG_OOB;
	return r;
}

/*
 * A short read has emptied the source, up to a FIN if that is there, and what comes later causes
 * an edge. So the read that would return EAGAIN or 0 is not needed. But recv also stops before an
 * urgent byte, and an error has no edge of its own: then reading continues.
 */
static struct step copy_read(struct pump *p, struct pump_tools *tools, int from)
{
	struct step step = { .result = PUMP_YIELD };
	size_t size = may_read(p, read_size(p));

	do {
		ssize_t n = recv(from, tools->buf + step.bytes, size - step.bytes, 0);

		if (n > 0)
			step.bytes += (size_t)n;
		else if (!n)
			p->eof = true;
		else if (would_block(errno))
			step.result = PUMP_WAIT_READ;
		else if (errno != EINTR)
			step.result = pump_fail(p, PUMP_READ_FAILED, errno);
	} while (p->careful && !p->marked && !p->eof && step.result == PUMP_YIELD &&
		 step.bytes < size);
	/* An urgent byte that is still to come causes an edge. */
	p->marked &= step.result != PUMP_WAIT_READ;
	if (p->careful || p->marked || !step.bytes || step.bytes == size)
		return step;
	p->eof = p->fin;
	if (!p->eof)
		step.result = PUMP_WAIT_READ;
	return step;
}

/* ---- urgent bytes ------------------------------------------------------- */

enum ahead { AHEAD_BYTES, AHEAD_URGENT, AHEAD_NOTHING };

/*
 * recv stops before an urgent byte, but takes one that is the first. An event tells of it, so
 * after an event without EPOLLPRI the first byte is none. Later reads have to ask: first whether
 * there is a byte at all, since one that comes after this look might be urgent.
 */
static enum ahead look_ahead(struct pump *p, int from)
{
	bool certain = p->fresh && !p->marked;
	int left = 1, mark = 0;

	p->fresh = false;
	if (certain)
		return AHEAD_BYTES;
	if (!p->fin && !p->careful && !ioctl(from, SIOCINQ, &left) && !left)
		return AHEAD_NOTHING;
	return !ioctl(from, SIOCATMARK, &mark) && mark ? AHEAD_URGENT : AHEAD_BYTES;
}

/* Alone, since of all bytes in one send only the last is urgent. */
static struct step urgent_step(struct pump *p, int from, int to)
{
	uint8_t byte;

	if (recv(from, &byte, 1, 0) != 1)
		return (struct step){ pump_fail(p, PUMP_READ_FAILED, EIO), 0 };
	p->marked = false;
	return (struct step){ copy_write(p, to, &byte, 1, MSG_OOB), 1 };
}

/*
 * MSG_MORE: the FIN that follows the bytes at once leaves in the same packet, which saves the
 * receiver a wake-up.
 */
static struct step plain_step(struct pump *p, struct pump_tools *tools, int from, int to)
{
	struct step step = copy_read(p, tools, from);
	int flags = p->eof && !p->broken ? MSG_MORE : 0;
	enum pump_result r =
		step.bytes ? copy_write(p, to, tools->buf, step.bytes, flags) : PUMP_YIELD;

	/* The kernel reports an error of the source once, but room at the receiver again. */
	if (r == PUMP_WRITE_FAILED || (r == PUMP_WAIT_WRITE && step.result != PUMP_READ_FAILED))
		step.result = r;
	return step;
}

static struct step copy_step(struct pump *p, struct pump_tools *tools, int from, int to)
{
	switch (look_ahead(p, from)) {
	case AHEAD_NOTHING:
		return (struct step){ PUMP_WAIT_READ, 0 };
	case AHEAD_URGENT:
		return urgent_step(p, from, to);
	case AHEAD_BYTES:
		break;
	}
	return plain_step(p, tools, from, to);
}

/* ---- splicing ----------------------------------------------------------- */

/* Empties the pipe (PUMP_YIELD) and gives it back, or fills the receiver. */
static enum pump_result splice_flush(struct pump *p, struct pump_tools *tools, int to)
{
	while (p->pipe->held) {
		ssize_t n = splice(p->pipe->out, NULL, to, NULL, p->pipe->held,
				   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

		if (n > 0) {
			p->pipe->held -= (uint32_t)n;
			p->bytes += (uint64_t)n;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && would_block(errno))
			return PUMP_WAIT_WRITE;
		return pump_fail(p, PUMP_WRITE_FAILED, n < 0 ? errno : EIO);
	}
	pipes_put(&tools->pipes, p->pipe);
	p->pipe = NULL;
	return PUMP_YIELD;
}

/* The call failed; the socket is as before. */
static bool splice_declined(int err)
{
	return err == EINTR || err == ENOMEM || err == EINVAL;
}

/*
 * splice does not report what recv does: before an urgent byte it returns EAGAIN, or 0 once a
 * FIN is there. So recv decides in both cases. It is not asked about errors, since a socket reports
 * each of them once.
 */
static struct step splice_step(struct pump *p, struct pump_tools *tools, int from, int to)
{
	ssize_t n = splice(from, NULL, p->pipe->in, NULL, may_read(p, PIPE_SIZE),
			   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	int err = n < 0 ? errno : 0;

	if (n > 0) {
		p->fresh = false;
		p->pipe->held = (uint32_t)n;
		return (struct step){ splice_flush(p, tools, to), (size_t)n };
	}
	pipes_put(&tools->pipes, p->pipe);
	p->pipe = NULL;
	p->fresh = false;
	if (would_block(err) && !p->careful && !p->marked && !p->fin)
		return (struct step){ PUMP_WAIT_READ, 0 };
	if (!err || would_block(err) || splice_declined(err))
		return copy_step(p, tools, from, to);
	return (struct step){ pump_fail(p, PUMP_READ_FAILED, err), 0 };
}

void pump_confine(struct pump *p, struct pump_tools *tools)
{
	uint32_t got = 0;

	p->roomy = false;
	if (!p->pipe)
		return;
	p->residue = malloc(p->pipe->held);
	if (!p->residue)
		return;
	/* The kernel has them all: read gives less only if a signal interrupts it. */
	while (got < p->pipe->held) {
		ssize_t n = read(p->pipe->out, p->residue + got, p->pipe->held - got);

		got += n > 0 ? (uint32_t)n : 0;
	}
	p->residue_off = 0;
	p->residue_len = got;
	p->pipe->held = 0;
	pipes_put(&tools->pipes, p->pipe);
	p->pipe = NULL;
}

/* ---- both --------------------------------------------------------------- */

static enum pump_result pump_finish(struct pump *p, int to)
{
	/* ENOTCONN: the receiver is gone, by a reset that was not read yet. */
	if (!p->last && shutdown(to, SHUT_WR))
		return pump_fail(p, PUMP_WRITE_FAILED, errno == ENOTCONN ? ECONNRESET : errno);
	p->done = true;
	return PUMP_DONE;
}

static enum pump_result pump_flush(struct pump *p, struct pump_tools *tools, int to)
{
	if (p->residue)
		return copy_flush(p, tools, to);
	if (p->pipe)
		return splice_flush(p, tools, to);
	return PUMP_YIELD;
}

static struct step pump_step(struct pump *p, struct pump_tools *tools, int from, int to)
{
	struct step step;

	if (p->bulk && p->roomy)
		p->pipe = pipes_take(&tools->pipes, tools->now);
	if (p->pipe)
		step = splice_step(p, tools, from, to);
	else
		step = copy_step(p, tools, from, to);
	if (step.bytes)
		pump_note_read(p, tools->now, step.bytes);
	if (p->limit)
		p->left -= (uint32_t)step.bytes;
	return step;
}

static bool pump_may_read(const struct pump *p)
{
	return !p->held && (!p->limit || p->left);
}

enum pump_result pump_run(struct pump *p, struct pump_tools *tools, int from, int to)
{
	struct step step = { .result = PUMP_YIELD };
	size_t moved = 0, share = p->roomy ? TURN_BYTES : PUMP_CONFINED_READ;

	if (p->done)
		return PUMP_DONE;
	p->left = p->limit;
	step.result = pump_flush(p, tools, to);
	while (step.result == PUMP_YIELD && !p->eof && moved < share && pump_may_read(p)) {
		step = pump_step(p, tools, from, to);
		moved += step.bytes > TURN_READ_COST ? step.bytes : TURN_READ_COST;
	}
	if (step.result == PUMP_YIELD && p->eof)
		return pump_finish(p, to);
	return step.result;
}

void pump_rest(struct pump *p, struct pump_tools *tools, int from, int to)
{
	enum pump_result r = p->done ? PUMP_DONE : pump_flush(p, tools, to);

	p->broken = true;
	p->limit = 0;
	while (r == PUMP_YIELD && !p->eof)
		r = pump_step(p, tools, from, to).result;
}
