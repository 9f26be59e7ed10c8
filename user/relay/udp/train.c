/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/udp/train.h"

#include <errno.h>
#include <string.h>

#include "relay/net/ancillary.h"

void train_reset(struct train *t)
{
	/* Without the arrays, since this runs for every datagram of a quiet flow. */
	memset(t, 0, offsetof(struct train, iov));
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* How many bytes of a run fit, in whole datagrams. */
static size_t bytes_that_fit(const struct train *t, const struct run *run, bool many)
{
	size_t take = smaller(run->len, (TRAIN_MAX - t->count) * t->segment);

	if (t->bytes + take > TRAIN_BYTES)
		take = t->bytes < TRAIN_BYTES ? (TRAIN_BYTES - t->bytes) / t->segment * t->segment :
						0;
	if (!many && take < run->len)
		take = 0;
	/* A single datagram may be larger than a train. */
	return t->count || take ? take : smaller(run->len, t->segment);
}

bool train_add(struct train *t, struct run *run)
{
	bool many = run->segment && run->len > run->segment;
	size_t size = many ? run->segment : run->len;
	size_t take;

	if (t->count && !ip_fields_equal(&t->fields, &run->fields))
		return false;
	if (t->count && (t->closed || !size || (many ? size != t->segment : size > t->segment)))
		return false;
	if (!t->count) {
		t->segment = size;
		t->fields = run->fields;
	}
	take = size ? bytes_that_fit(t, run, many) : 0;
	if (!take && t->count)
		return false;
	t->iov[t->pieces++] = (struct iovec){ (void *)run->data, take };
	t->closed = !size || take % t->segment;
	t->count += size ? (unsigned int)((take + t->segment - 1) / t->segment) : 1;
	t->bytes += take;
	run->data += take;
	run->len -= take;
	return !run->len;
}

static void train_split(struct train *t)
{
	unsigned int n = 0;

	if (t->split)
		return;
	t->split = true;
	for (unsigned int i = 0; i < t->pieces; i++) {
		uint8_t *data = t->iov[i].iov_base;
		size_t left = t->iov[i].iov_len;

		do {
			size_t len = smaller(left, t->segment);

			t->single[n++] = (struct iovec){ data, len };
			data += len;
			left -= len;
		} while (left);
	}
}

/* No room, or a packet filter dropped it: the same as if it got lost on its way. */
static bool is_loss(int err)
{
	return err == EAGAIN || err == ENOBUFS || err == ENOMEM || err == EPERM;
}

/*
 * EINVAL or EMSGSIZE, depending on the kernel: a segment is larger than the path allows. EIO: the
 * device or an IPsec policy cannot do it.
 */
static bool is_gso_refusal(int err)
{
	return err == EINVAL || err == EMSGSIZE || err == EIO || err == EOPNOTSUPP;
}

static void attach_address(struct msghdr *msg, struct ancillary *control,
			   const struct train_way *way)
{
	if (way->to) {
		msg->msg_name = (void *)&way->to->sa;
		msg->msg_namelen = saddr_len(way->to);
	}
	ancillary_attach(control, msg);
}

static void fill_control(struct ancillary *control, const struct train *t,
			 const struct train_way *way)
{
	control->len = 0;
	if (!way->from)
		return;
	ancillary_add_source(control, way->from, 0);
	ancillary_add_fields(control, way->from->sa.sa_family, &t->fields);
}

/* A train that was not split: one datagram, or all of them as segments. */
static int send_whole(struct train *t, const struct train_way *way)
{
	struct msghdr msg = { .msg_iov = t->iov, .msg_iovlen = t->pieces };
	struct ancillary control;

	fill_control(&control, t, way);
	if (t->count > 1)
		ancillary_add_segment(&control, (uint16_t)t->segment);
	attach_address(&msg, &control, way);
	return sendmsg(way->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Sends all of it in one call. */
static int send_at_once(struct train *t, const struct train_way *way)
{
	int err = send_whole(t, way);

	if (!err) {
		t->sent += t->count;
		t->sent_bytes += t->bytes;
	} else if (is_loss(-err)) {
		t->lost += t->count;
	} else {
		return err;
	}
	t->split = true;
	t->done = t->count;
	return 0;
}

static void count_sent(struct train *t, unsigned int n)
{
	for (; n; n--) {
		t->sent_bytes += t->single[t->done++].iov_len;
		t->sent++;
	}
}

static int send_singly(struct train *t, const struct train_way *way)
{
	struct mmsghdr msgs[TRAIN_MAX];
	struct ancillary control;

	train_split(t);
	fill_control(&control, t, way);
	for (unsigned int i = t->done; i < t->count; i++) {
		msgs[i].msg_hdr = (struct msghdr){ .msg_iov = &t->single[i], .msg_iovlen = 1 };
		attach_address(&msgs[i].msg_hdr, &control, way);
	}
	while (t->done < t->count) {
		int n = sendmmsg(way->fd, &msgs[t->done], t->count - t->done,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0)
			count_sent(t, (unsigned int)n);
		else if (is_loss(errno))
			train_skip(t);
		else
			return -errno;
	}
	return 0;
}

int train_send(struct train *t, const struct train_way *way)
{
	int err;

	if (t->split || (t->count > 1 && t->segment >= *way->gso_limit))
		return send_singly(t, way);
	err = send_at_once(t, way);
	if (!err || t->count == 1 || !is_gso_refusal(-err))
		return err;
	*way->gso_limit = err == -EIO || err == -EOPNOTSUPP ? GSO_NEVER : (uint32_t)t->segment;
	return send_singly(t, way);
}

void train_skip(struct train *t)
{
	train_split(t);
	if (t->done == t->count)
		return;
	t->done++;
	t->lost++;
}

void train_skip_above(struct train *t, size_t max)
{
	do
		train_skip(t);
	while (t->done < t->count && t->single[t->done].iov_len > max);
}

const struct iovec *train_next(struct train *t)
{
	train_split(t);
	return t->done < t->count ? &t->single[t->done] : NULL;
}

void train_pass(struct train *t)
{
	count_sent(t, 1);
}
