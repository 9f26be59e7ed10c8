/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/startlog.h"

#include <stdio.h>
#include <string.h>

#include "lib/util.h"
#include "relay/log/record.h"
#include "relay/process/privs.h"

/* They may come later, as with a link that is not up yet: flows are refused until then. */
static void warn_of_absent(const struct daemon *d, const struct source *source)
{
	char text[PREFIX_TEXT_LEN];

	for (unsigned int i = 0; i < source->count; i++) {
		const struct prefix *p = &source->addresses[i];
		union saddr addr = saddr_from(p->family, p->addr, 0);

		if (p->len == (p->family == AF_INET ? 32 : 128) &&
		    local_lookup(d->threads[0].ctx.local, &addr) != LOCAL_ADDRESS)
			record_say(RECORD_WARN,
				   "source address %s: not on this host, so no flow can have it "
				   "(add it to an interface, or name a prefix that is routed here)",
				   prefix_format(p, text));
	}
}

void startlog_absent_sources(const struct daemon *d)
{
	const struct egress_list *list = &d->relay.settings->egress;

	warn_of_absent(d, &d->options.source);
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].has_source)
			warn_of_absent(d, &list->items[i].outlet.source);
}

void startlog_started(const struct daemon *d)
{
	char ports[OPTIONS_MAX_PORTS * 6 + 1];
	char source[SOURCE_TEXT_LEN];
	size_t len = 0;

	for (unsigned int i = 0; i < d->options.listen_count; i++)
		len += (size_t)snprintf(ports + len, sizeof(ports) - len, "%s%u", i ? "," : "",
					d->options.listen[i]);
	record_say(RECORD_INFO, "tproxy-relay %s: listening on %s, %u worker%s, source %s",
		   TPROXY_VERSION, ports, d->options.workers, d->options.workers == 1 ? "" : "s",
		   source_format(&d->options.source, source));
	if (d->options.device[0])
		record_say(RECORD_INFO,
			   "bound to %s%s%s: rules name this relay by its port (--proxy %u)",
			   d->options.device, d->relay.binding.vrf ? ", in VRF " : "",
			   d->relay.binding.vrf_name, d->options.listen[0]);
	if (!d->listeners.have_v6)
		record_say(RECORD_WARN, "no IPv6 on this host: listening on IPv4 only");
}

/* SIGHUP reads the file again, as the user that we became. */
void startlog_config_access(const struct options *o)
{
	if (o->config && access(o->config, R_OK))
		record_say(RECORD_WARN,
			   "%s: %s for the user that we became: SIGHUP cannot read it again "
			   "(make it readable, or choose another --user)",
			   o->config, strerror(errno));
}

/* Other daemons run as nobody, too, and processes of one user may interfere with each other. */
void startlog_nobody(const struct options *o)
{
	if (o->user[0] || geteuid() || !privs_user_is_missing())
		return;
	record_say(RECORD_WARN,
		   "user tproxy: does not exist: the relay becomes nobody, as other daemons do "
		   "(create it: useradd --system --user-group --home-dir /nonexistent "
		   "--shell /usr/sbin/nologin tproxy)");
}
