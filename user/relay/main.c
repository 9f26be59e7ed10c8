/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tproxy-relay: reads the options, runs the relay and cleans up at the end. Must not touch flows.
 */
#include <stdio.h>
#include <string.h>

#include "lib/log.h"
#include "lib/notify.h"
#include "relay/admit/clients.h"
#include "relay/config/keys.h"
#include "relay/config/load.h"
#include "relay/daemon.h"
#include "relay/flows/list.h"
#include "relay/log/looplog.h"
#include "relay/log/record.h"
#include "relay/log/sink.h"
#include "relay/process/background.h"
#include "relay/signals.h"
#include "relay/start.h"

#define LOG_FLUSH_MS 1000

static void say_summary(const struct daemon *d)
{
	struct engine_stats sum = { 0 };

	for (unsigned int i = 0; i < d->opened; i++) {
		const struct engine_stats *s = &d->threads[i].ctx.stats;

		sum.tcp_flows += s->tcp_flows;
		sum.udp_flows += s->udp_flows;
		sum.refused += s->refused;
		sum.limited += s->limited;
		sum.port_fallbacks += s->port_fallbacks;
		sum.lost_datagrams += s->lost_datagrams;
		sum.over_bandwidth += s->over_bandwidth;
		sum.promotions += s->promotions;
		sum.icmp_errors += s->icmp_errors;
	}
	record_say(RECORD_INFO,
		   "ended: %llu TCP and %llu UDP flows, %llu refused, %llu over a limit, "
		   "%llu without their client's port, %llu datagrams lost, "
		   "%llu over a bandwidth, %llu flows promoted, %llu ICMP errors passed on",
		   (unsigned long long)sum.tcp_flows, (unsigned long long)sum.udp_flows,
		   (unsigned long long)sum.refused, (unsigned long long)sum.limited,
		   (unsigned long long)sum.port_fallbacks, (unsigned long long)sum.lost_datagrams,
		   (unsigned long long)sum.over_bandwidth, (unsigned long long)sum.promotions,
		   (unsigned long long)sum.icmp_errors);
}

static void finish(struct daemon *d)
{
	for (unsigned int i = 0; i < d->opened; i++)
		pthread_join(d->threads[i].id, NULL);
	netwatch_close(d->relay.netwatch);
	record_report_all();
	say_summary(d);
	flow_server_close(&d->flows);
	for (unsigned int i = 0; i < d->opened; i++)
		thread_close(&d->threads[i]);
	handover_close(&d->handover);
	cleanup_fd(&d->flows_fd);
	registrar_stop(&d->registrar); /* removes path sockets that are closed */
	settings_unref(d->relay.settings);
	clients_free(d->relay.clients);
	looplog_free(d->relay.loops);
	options_free(&d->options);
	sink_stop(LOG_FLUSH_MS);
	record_close();
	cleanup_fd(&d->relay.done);
	cleanup_fd(&d->relay.trouble);
	cleanup_fd(&d->relay.paused);
	cleanup_fd(&d->relay.new_relay_fd);
	cleanup_fd(&d->signals);
}

static void report_error(const char *text, void *arg)
{
	log_error("%s", text);
}

static int enter_background(void)
{
	int err = background_enter();

	if (err)
		log_error("--background: %s (check the limits of processes and files)",
			  strerror(-err));
	return err;
}

int main(int argc, char **argv)
{
	static struct daemon d = { .registrar = { .fd = -1 },
				   .flows_fd = -1,
				   .settings_lock = PTHREAD_MUTEX_INITIALIZER,
				   .gate = PTHREAD_MUTEX_INITIALIZER,
				   .signals = -1 };
	struct options_source source = { .argc = argc, .argv = argv, .error = report_error };

	signals_prepare();
	log_init("tproxy-relay", LOG_NORMAL);
	d.argc = argc;
	d.argv = argv;
	d.relay = (struct relay){ .options = &d.options,
				  .listeners = &d.listeners,
				  .tcp_ports = &d.listeners.tcp_ports,
				  .udp_ports = &d.listeners.udp_ports,
				  .budget = &d.budget,
				  .gate = &d.gate,
				  .settings_lock = &d.settings_lock,
				  .done = -1,
				  .trouble = -1,
				  .paused = -1,
				  .pausing = &d.pausing,
				  .new_relay_fd = -1 };
	d.mend = (struct mend){ .options = &d.options,
				.listeners = &d.listeners,
				.registrar = &d.registrar,
				.threads = d.threads };
	handover_init(&d.handover);
	switch (options_load(&d.options, &source)) {
	case OPTIONS_RUN:
		break;
	case OPTIONS_CHECKED:
		return 0;
	case OPTIONS_LIST:
		return list_flows(&d.options);
	case OPTIONS_HELP:
		fputs(keys_help, stdout);
		return 0;
	case OPTIONS_VERSION:
		puts("tproxy-relay " TPROXY_VERSION);
		return 0;
	case OPTIONS_USAGE:
		return 2;
	case OPTIONS_FAILED:
		return 1;
	}
	d.relay.settings = settings_ref(d.options.settings);
	/* Twice as often as systemd asks, because one message may be late. It names our process id. */
	d.watchdog.period_ms = notify_watchdog_ms() / 2;
	if (d.options.background && enter_background())
		return 1;
	/* After a failed start the end of the process cleans up. */
	if (start_relay(&d))
		return 1;
	daemon_run(&d);
	finish(&d);
	return d.status;
}
