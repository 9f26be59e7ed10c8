/* SPDX-License-Identifier: BSD-2-Clause */
#include "loader/check/tools/asked.h"

#include <string.h>

#define SILENCE_S 3 /* the main thread of a relay answers at once */

static void note_failure(struct checkup *c, const struct asked *asked)
{
	if (asked->err == -EPROTO)
		checkup_unchecked(c, "relay %s: its version does not tell its state",
				  asked->relay.name);
	else if (asked->err && asked->err != -ETIMEDOUT)
		checkup_unchecked(c, "relay %s: cannot be asked: %s", asked->relay.name,
				  strerror(-asked->err));
}

/* One that does not answer holds up the first check only. */
static int ask_all(struct checkup *c)
{
	__cleanup_free struct flows_relay *relays = NULL;
	size_t n = 0;
	int err = flows_relays(&relays, &n);

	if (err)
		return err;
	c->asked = calloc(n + 1, sizeof(*c->asked));
	if (!c->asked)
		return -ENOMEM;
	for (; c->n_asked < n; c->n_asked++) {
		struct asked *asked = &c->asked[c->n_asked];

		asked->relay = relays[c->n_asked];
		asked->err = flows_ask_status(asked->relay.name, SILENCE_S, &asked->told);
	}
	return 0;
}

void asked_each(struct checkup *c,
		void (*fn)(struct checkup *c, const struct asked *asked, void *arg), void *arg)
{
	if (!c->has_asked)
		c->asked_error = ask_all(c);
	c->has_asked = true;
	if (c->asked_error)
		checkup_unchecked(c, "relays cannot be found: %s", strerror(-c->asked_error));
	for (size_t i = 0; i < c->n_asked; i++) {
		note_failure(c, &c->asked[i]);
		fn(c, &c->asked[i], arg);
	}
}

char *asked_name(const struct asked *asked, char *buf)
{
	if (asked->told.pid)
		snprintf(buf, ASKED_NAME_LEN, "tproxy-relay %s (pid %d)", asked->relay.name,
			 (int)asked->told.pid);
	else
		snprintf(buf, ASKED_NAME_LEN, "tproxy-relay %s", asked->relay.name);
	return buf;
}

bool asked_is_wanted(const struct checkup *c)
{
	for (int i = 0; i < TPROXY_MAX_RULES; i++)
		if (rule_is_proxy(&c->policy.rules[i]) && !c->policy.rules[i].proxy.port)
			return true;
	return false;
}
