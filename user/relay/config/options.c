/* SPDX-License-Identifier: BSD-2-Clause */
/* The options as a whole: their defaults, and which of them exclude each other. */
#include "relay/config/options.h"

#include <stdio.h>
#include <string.h>

#include "lib/util.h"
#include "tproxy.h"

int options_defaults(struct options *o)
{
	options_free(o);
	*o = (struct options){
		.listen = { TPROXY_RELAY_PORT, TPROXY_RELAY_PORT_IN },
		.listen_count = 2,
		.log_level = RECORD_INFO,
		.connect_timeout = 10,
		.idle_timeout = 3600,
		.half_closed_timeout = 60,
		.drain_timeout = 30,
		.retire_timeout = 24 * 3600,
		.udp_per_source = 4096,
		.carry_ecn = true,
		.upstreams.count = 1, /* direct */
		.settings = settings_new(),
	};
	return o->settings ? 0 : -ENOMEM;
}

void options_free(struct options *o)
{
	settings_unref(o->settings);
	o->settings = NULL;
}

int options_check_join(const struct options *o, char *ret_why, size_t size)
{
	if (!o->join || !o->udp_full_cone)
		return 0;
	snprintf(ret_why, size,
		 "join: not with udp-full-cone, where all flows of a client "
		 "have to meet in one relay (leave one of them out)");
	return -EINVAL;
}

int options_check_source(const struct options *o, char *ret_why, size_t size)
{
	char text[SOURCE_TEXT_LEN];

	if (!upstreams_have_proxy(&o->upstreams) || !source_is_client(&o->source))
		return 0;
	snprintf(ret_why, size,
		 "source = %s: not with an upstream proxy, which connects from its "
		 "own address (set source = own, or upstream = direct)",
		 source_format(&o->source, text));
	return -EINVAL;
}

int options_check_vrf(const struct options *o, char *ret_why, size_t size)
{
	if (!o->udp_full_cone || !egress_have_client_source(&o->settings->egress))
		return 0;
	snprintf(ret_why, size,
		 "--device %s: in a VRF, udp-full-cone goes with source = own only (a client's "
		 "address has to be bound to the device of one destination)",
		 o->device);
	return -EINVAL;
}
