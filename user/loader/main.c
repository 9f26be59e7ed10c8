/* SPDX-License-Identifier: BSD-2-Clause */
/* tproxy-loader: the command table, help, and nothing else. */
#include <string.h>

#include "loader/app/app.h"

#define RULE_HELP                                                                                  \
	"  --port LIST       TCP ports and ranges: 22,80,8000-8010\n"                              \
	"  --udp-port LIST   UDP ports and ranges\n"                                               \
	"  --cidr LIST       destination prefixes, IPv4 and IPv6; all = both defaults\n"           \
	"  --from LIST       source prefixes\n"                                                    \
	"  --proxy PROXY     relay, or [ADDR:]PORT of any transparent listener\n"                  \
	"  --on-down WHAT    without a listener: drop (default), pass or reset\n"                  \
	"  --unrouted WHAT   without a route to the destination: pass (default) or proxy\n"

#define LEARN_HELP                                                                                 \
	"  --learn SECONDS   how long to look for UDP flows to leave alone (2); 0: take them over\n"

static const struct command commands[] = {
	{ "attach",
	  "IF... [--port LIST] [--udp-port LIST] [--cidr LIST] [--from LIST]\n"
	  "       [--proxy [ADDR:]PORT] [--on-down drop|pass|reset]\n"
	  "       [--unrouted pass|proxy] [--unreadable drop|pass] [--divert-only]\n"
	  "       [--hook auto|tcx|clsact] [--after NAME|ID] [--mark BIT] [--table N] [--probe]\n"
	  "       [--learn SECONDS] [--dry-run]",
	  "intercept flows that enter these interfaces",
	  RULE_HELP
	  "  --divert-only     no rules here: only keep packets of sockets on foreign addresses\n"
	  "  --unreadable WHAT packets whose ports or flags cannot be read: drop (default) or\n"
	  "                    pass, for all rules\n"
	  "  --hook HOOK       auto (default), tcx or clsact\n"
	  "  --after LIST      programs, by name or id, that may run before ours; else ours is\n"
	  "                    the first, and attach warns of whoever is before it\n"
	  "  --mark BIT        packet mark to use (0x1000000), set on the first attach; the\n"
	  "                    next bit is used as well\n"
	  "  --table N         routing table to use (15001), set on the first attach\n" LEARN_HELP
	  "  --probe           send probe packets when attached, and say what is wrong; exit 4\n"
	  "                    then\n"
	  "  --dry-run         show the steps, take none\n\n"
	  "Rule options make or extend the rule \"default\", and concern the interfaces of\n"
	  "this call only. Without --port and --udp-port every TCP port is meant,\n"
	  "without --cidr every destination.\n",
	  cmd_attach },
	{ "detach", "IF... | --all [--keep-flows [--wait]] [--dry-run]",
	  "undo exactly what attach did",
	  "  --all             every interface, and all pinned maps\n"
	  "  --keep-flows      take no new flows; detach when the last one has ended\n"
	  "  --wait            stay until then, instead of a process in the background\n"
	  "  --dry-run         show the steps, take none\n",
	  cmd_detach },
	{ "status", "[IF] [--probe]", "what is attached and how it is doing (the default command)",
	  "  --probe           send a probe packet for each kind of flow, and see whether it arrives\n\n"
	  "Ends with what is wrong, a line each with its next step, and a verdict: ok (exit 0),\n"
	  "degraded (4) or broken (5). What is attached is asked of the kernel now.\n",
	  cmd_status },
	{ "rule", "list | add NAME [options] | del NAME [--show-bpftool]", "list and edit rules",
	  RULE_HELP "  --action ACTION   proxy (default), pass or drop\n"
		    "  --interface LIST  only for flows that enter these: eth0,wg*\n" LEARN_HELP
		    "  --show-bpftool    print the equivalent bpftool commands, change nothing\n",
	  cmd_rule },
	{ "cidr", "add|del [--rule NAME] [--learn SECONDS] [--show-bpftool] PREFIX...",
	  "edit the destinations of a rule",
	  "  --rule NAME       the rule to edit (default)\n" LEARN_HELP
	  "  --show-bpftool    print the equivalent bpftool commands, change nothing\n",
	  cmd_cidr },
	{ "port", "add|del [--rule NAME] [--learn SECONDS] [--show-bpftool] PROTO/PORT...",
	  "edit the ports of a rule",
	  "  --rule NAME       the rule to edit (default)\n" LEARN_HELP
	  "  --show-bpftool    print the equivalent bpftool commands, change nothing\n",
	  cmd_port },
	{ "check", "FILE", "is this file a valid configuration, and can it work?",
	  "FILE may be - for standard input. Refuses what this program or tproxy-relay would.\n"
	  "Exit 4 if there are only warnings: rules and destinations that can never match,\n"
	  "interfaces that nothing covers, destinations that are this host, an empty policy.\n",
	  cmd_check },
	{ "diff", "[FILE]",
	  "what applying a file would change; without FILE: what was edited since",
	  "Exit 0 without a difference, 4 with one.\n", cmd_diff },
	{ "apply", "FILE [--confirm-within TIME] [--empty] [--learn SECONDS]",
	  "make a file the live policy, as one step",
	  "  --confirm-within TIME   go back unless `confirm` is run in time: 60s, 5m\n"
	  "  --empty                 take away all rules and pools, if the file has none\n"
	  "  --learn SECONDS         how long to look for UDP flows to leave alone; else as the\n"
	  "                          file says, or 2; 0: take them over\n\n"
	  "Interfaces that the file names are attached; others stay as they are.\n",
	  cmd_apply },
	{ "confirm", "", "keep the policy that was applied for a time", NULL, cmd_confirm },
	{ "rollback", "", "bring the policy before the last apply back", NULL, cmd_rollback },
	{ "save", "", "print the live policy as a configuration file", NULL, cmd_save },
	{ "test", "[--in IF] [--config FILE] PROTO SRC[:PORT] DST:PORT",
	  "what would happen to a flow, by which rule, and would it arrive",
	  "  --in IF           the interface it enters by; else that of the route back to SRC\n"
	  "  --config FILE     ask this file instead of the live policy; nothing need be attached\n\n"
	  "IPv6 addresses with a port stand in brackets. Nothing is sent or counted.\n"
	  "Exit 0: it would be proxied, and arrive; 4: so, with remarks; 5: it would be proxied, and\n"
	  "not arrive; 6: it passes; 7: it is dropped or refused. A file knows 0, 6 and 7.\n",
	  cmd_test },
	{ "import", "[--ipv6] [FILE]", "translate iptables-save text into a configuration file",
	  "  --ipv6            the text is from ip6tables-save; its head line says so, too\n\n"
	  "Reads standard input without FILE. Exit 4 if something could not be translated.\n",
	  cmd_import },
	{ "watch", "[--config FILE] [IF|GLOB...]", "stay, and repair whatever gets lost",
	  "  --config FILE     apply it at the start and on SIGHUP, attach the interfaces it names\n\n"
	  "Interfaces and globs given here are attached as they appear; those that are attached\n"
	  "already are watched in any case. Ends on SIGTERM and leaves everything attached.\n",
	  cmd_watch },
	{ "clean", "", "remove what interrupted commands left behind",
	  "What belongs to another state that is alive stays. Exit 4 if something stays because\n"
	  "nobody can say whose it is; the command to remove it by hand is shown.\n",
	  cmd_clean },
	{ "features", "", "what this kernel supports", NULL, cmd_features },
	{ "version", "", "print the version", NULL, cmd_version },
};

static void print_help(void)
{
	printf("usage: tproxy-loader [options] COMMAND ...\n\ncommands:\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		printf("  %-9s %s\n", commands[i].name, commands[i].summary);
	printf("\noptions:\n"
	       "  -n, --netns NAME  work in a named network namespace\n"
	       "  --pin-dir DIR     where maps are pinned (TPROXY_PIN_DIR; /sys/fs/bpf/tproxy)\n"
	       "  -j, --json        machine-readable output\n"
	       "  -v, -vv           debug messages, libbpf and verifier output\n"
	       "  -q                no steps, only errors\n"
	       "  -h, --help        this text; after a command: its options\n"
	       "  -V, --version     print the version\n\n"
	       "exit: 0 done, 1 failed, 2 usage, 3 not attached, 4 done with remarks (status: degraded;\n"
	       "diff, import, check, clean, attach --probe), 5 broken (status; test: would not\n"
	       "arrive), 6 test: passes, 7 test: dropped or refused\n");
}

static void print_command_help(const struct command *command)
{
	printf("usage: tproxy-loader %s %s\n\n%s\n", command->name, command->usage,
	       command->summary);
	if (command->help)
		printf("\n%s", command->help);
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

/* True if a -h or --help comes after the command: help wins over every other argument. */
static bool wants_help(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "-h") || !strcmp(argv[i], "--help"))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { APP_LONG_OPTIONS };
	static char *status_argv[] = { "status", NULL };
	struct app app = { .level = LOG_NORMAL };
	const struct command *command;
	int opt;

	log_init("tproxy-loader", LOG_NORMAL);
	log_capture_libbpf();
	opt = app_getopt(&app, argc, argv, options);
	if (opt != -1)
		return EXIT_USAGE;
	if (app.version)
		return cmd_version(&app, 1, status_argv);
	if (app.help) {
		print_help();
		return EXIT_DONE;
	}
	argc -= optind;
	argv += optind;
	if (!argc) {
		argc = 1;
		argv = status_argv;
	}
	command = find_command(argv[0]);
	if (!command)
		return app_usage_error("%s: unknown command (see tproxy-loader --help)", argv[0]);
	if (wants_help(argc, argv)) {
		print_command_help(command);
		return EXIT_DONE;
	}
	optind = 0; /* GNU getopt: start afresh on the command's own arguments */
	return command->run(&app, argc, argv);
}
