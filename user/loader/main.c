/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tproxy-loader: the command table and the help texts. Must not know what a command does.
 * tests/net/documented-options.t compares the options here with getopt and the man page.
 */
#include <string.h>

#include "loader/app/app.h"
#include "loader/commands.h"

#define RULE_HELP                                                                                  \
	"  --to LIST         destination prefixes of both families (all)\n"                        \
	"  --from LIST       source prefixes (all)\n"                                              \
	"  --ports LIST      destination ports and ranges: 22,8000-8010,udp/53 (every port)\n"     \
	"  --proto PROTO     the protocol of ports that name none: tcp (default), udp, tcp+udp\n"  \
	"  --proxy PROXY     relay (default), or [ADDR:]PORT of any transparent listener\n"        \
	"  --on-proxy-down WHAT\n"                                                                 \
	"                    flows without a listener: drop (default), pass or reset\n"            \
	"  --unrouted WHAT   flows without a route to the destination: pass (default) or proxy\n"  \
	"  --uid LIST        own traffic of these users only: alice,1000-1999\n"                   \
	"  --gid LIST        own traffic of these groups only\n"

#define FORMER_HELP                                                                                \
	"  --cidr LIST       former name of --to\n"                                                \
	"  --on-down WHAT    former name of --on-proxy-down\n"                                     \
	"  --port LIST       former way to give TCP ports: --ports 22\n"                           \
	"  --udp-port LIST   former way to give UDP ports: --ports udp/53\n"

#define LEARN_HELP                                                                                 \
	"  --learn SECONDS   how long to look for running UDP flows, which are left alone (2);\n"  \
	"                    0: take them over\n"

#define SHOW_BPFTOOL_HELP                                                                          \
	"  --show-bpftool    print the equivalent bpftool commands and change nothing\n"

static const struct command commands[] = {
	{ "attach",
	  "IF... | --local [--to LIST] [--from LIST] [--ports LIST] [--proto PROTO]\n"
	  "       [--proxy [ADDR:]PORT] [--on-proxy-down drop|pass|reset]\n"
	  "       [--unrouted pass|proxy] [--unreadable drop|pass] [--divert-only]\n"
	  "       [--hook auto|tcx|clsact] [--after NAME|ID] [--mark BIT] [--table N] [--probe]\n"
	  "       [--learn SECONDS] [--dry-run] [--cgroup PATH] [--uid LIST] [--gid LIST]\n"
	  "       [--own-mark BIT] [--own-table N] [--own-bound direct|deny]",
	  "intercept flows that enter these interfaces, or that this host begins",
	  RULE_HELP
	  "  --unreadable WHAT packets whose ports or flags cannot be read, for all rules: drop\n"
	  "                    (default) or pass\n"
	  "  --local           what this host sends itself; with IF both\n"
	  "  --cgroup PATH     with --local: of processes in this cgroup only\n"
	  "  --own-mark BIT    with --local: the mark of connections that a proxy gets (0x4000000)\n"
	  "  --own-table N     with --local: the routing table for them (15002)\n"
	  "  --own-bound WHAT  with --local: sockets bound to a device: direct (default) or deny\n"
	  "  --divert-only     no rules here: only keep packets for sockets on foreign addresses\n"
	  "  --hook HOOK       auto (default), tcx or clsact\n"
	  "  --after LIST      programs, by name or id, that may run before ours; without it ours\n"
	  "                    runs first, and attach warns of each program that still precedes it\n"
	  "  --mark BIT        packet mark to use (0x1000000), together with the next bit; the\n"
	  "                    first attach sets it\n"
	  "  --table N         routing table to use (15001); the first attach sets it\n" LEARN_HELP
	  "  --probe           send probe packets after attaching and warn of what is wrong\n"
	  "                    (exit 4)\n"
	  "  --dry-run         show the steps, take none\n" FORMER_HELP
	  "\nRule options make or extend the rule \"default\", with --local and without IF the rule\n"
	  "\"default-local\". They concern the interfaces of this call only. Without --ports and\n"
	  "--proto the rule takes every TCP port, without --to every destination.\n",
	  cmd_attach },
	{ "detach", "IF... [--local] | --all [--keep-flows [--wait]] [--dry-run]",
	  "undo exactly what attach did",
	  "  --all             every interface, own traffic, and all pinned maps\n"
	  "  --local           what this host sends itself; with or without IF\n"
	  "  --keep-flows      take no new flows; detach when the last one has ended\n"
	  "  --wait            wait for that here, not in a background process\n"
	  "  --dry-run         show the steps, take none\n",
	  cmd_detach },
	{ "status", "[IF] [--probe]",
	  "show what is attached, and whether it works (the default command)",
	  "  --probe           send a probe packet for each kind of flow and see whether it arrives\n"
	  "\nstatus lists the problems, each on one line with its next step, then a verdict: ok (exit 0),\n"
	  "degraded (4) or broken (5). Everything is read from the kernel at that moment.\n",
	  cmd_status },
	{ "doctor", "[IF] [--fix [-y]] | --explain [ID] | --bundle FILE [--with-logs LOG]",
	  "find out why it does not work, and mend it",
	  "  --fix             mend what is ours or safe; ask before each thing, then check again\n"
	  "  -y, --yes         do not ask\n"
	  "  --explain         explain the problem ID; without ID list all problems\n"
	  "  --bundle FILE     pack what a report of a bug needs into FILE (.tar.gz), without secrets\n"
	  "  --with-logs LOG   also the last lines of this log of the relay, which names clients\n"
	  "\ndoctor runs all checks, also those that are too slow for status, and sends a probe for each\n"
	  "rule. Each problem comes with its cure. Exit 0: all is well; 3: well so far, but nothing is\n"
	  "attached; 4: only warnings; 5: errors. It also works without root, as far as possible.\n",
	  cmd_doctor },
	{ "rule", "list | add NAME [OPTION...] | del NAME [--show-bpftool]", "list and edit rules",
	  RULE_HELP
	  "  --action ACTION   proxy (default), pass, drop, reset or audit\n"
	  "  --interface LIST  only flows that enter these interfaces: eth0,wg*\n"
	  "  --local[=WHAT]    what this host sends itself: yes (too), only or no (default)\n"
	  "  --cgroup LIST     own traffic of these cgroups only: /user.slice, or ids\n"
	  "  --before NAME     insert the rule before this one (default: append it)\n" LEARN_HELP
		  SHOW_BPFTOOL_HELP FORMER_HELP,
	  cmd_rule },
	{ "cidr", "add|del [--rule NAME] [--learn SECONDS] [--show-bpftool] PREFIX...",
	  "edit the destinations of a rule (its key to)",
	  "  --rule NAME       the rule to edit (the rule default)\n" LEARN_HELP SHOW_BPFTOOL_HELP,
	  cmd_cidr },
	{ "port", "add|del [--rule NAME] [--learn SECONDS] [--show-bpftool] PROTO/PORT...",
	  "edit the ports of a rule (its key ports)",
	  "  --rule NAME       the rule to edit (the rule default)\n" LEARN_HELP SHOW_BPFTOOL_HELP,
	  cmd_port },
	{ "check", "FILE", "check whether a configuration file is valid and can work",
	  "FILE may be - for standard input. check reports each error, also those that tproxy-relay\n"
	  "would refuse. Exit 4 if there are only warnings: rules and destinations that can never match,\n"
	  "interfaces that nothing covers, destinations that are this host, an empty policy.\n",
	  cmd_check },
	{ "diff", "[FILE]",
	  "show what a file would change, or without FILE what was edited since the last apply",
	  "Exit 0 without a difference, 4 with one.\n", cmd_diff },
	{ "apply", "FILE [--confirm-within TIME] [--empty] [--learn SECONDS]",
	  "make a file the live policy, in one step",
	  "  --confirm-within TIME\n"
	  "                    restore the previous policy unless `confirm` is run in time: 60s, 5m\n"
	  "  --empty           accept a file without rules and pools, which removes all of them\n"
	  "  --learn SECONDS   how long to look for running UDP flows, which are left alone (the\n"
	  "                    file's key learn, or 2); 0: take them over\n"
	  "\napply also attaches the interfaces that the file names; others stay as they are.\n",
	  cmd_apply },
	{ "confirm", "", "keep a policy that was applied with --confirm-within", NULL,
	  cmd_confirm },
	{ "rollback", "", "restore the policy from before the last apply", NULL, cmd_rollback },
	{ "save", "", "print the live policy as a configuration file", NULL, cmd_save },
	{ "test",
	  "[--in IF | --local [--uid N] [--gid N] [--cgroup PATH]] [--config FILE]\n"
	  "       PROTO SRC[:PORT] DST:PORT     (with --local SRC may be absent)",
	  "show what would happen to a flow, by which rule, and whether it would arrive",
	  "  --in IF           the interface it enters (default: the one of the route back to SRC)\n"
	  "  --local           this host sends it itself; without SRC by a socket that is not\n"
	  "                    bound to an address\n"
	  "  --uid USER        who sends it, by name or id (default: who runs this)\n"
	  "  --gid GROUP       likewise\n"
	  "  --cgroup CGROUP   the path or id of its cgroup (default: that of this command)\n"
	  "  --config FILE     ask this file, not the live policy; nothing needs to be attached\n"
	  "\nWrite an IPv6 address with a port in brackets. Nothing is sent or counted.\n"
	  "Exit 0: it would be proxied and arrive; 4: the same, with remarks; 5: it would be proxied\n"
	  "but not arrive; 6: it passes; 7: it is dropped or refused. A file gives 0, 6 or 7.\n",
	  cmd_test },
	{ "flows",
	  "[--by client|destination|rule] [--client PREFIX] [--destination A[:PORT]]\n"
	  "       [--proto tcp|udp] [--sort age|bytes|rate] [--limit N] [--rate] [--relay NAME]\n"
	  "       | kill ID... | kill --client PREFIX",
	  "show the flows that are open, of relays and of audit rules, or end some",
	  "  --by KEY          only totals, of each client, destination or rule\n"
	  "  --client PREFIX   flows of these clients\n"
	  "  --destination A[:PORT]\n"
	  "                    flows to this address or prefix, or to this server of a pool\n"
	  "  --proto PROTO     tcp or udp (both)\n"
	  "  --sort ORDER      age (default: the oldest first), bytes or rate\n"
	  "  --limit N         print N flows, or N totals, at most\n"
	  "  --rate            bytes a second in the next second, not since the flow's begin\n"
	  "  --relay NAME      one relay, if several run here: its first port, PORT or PORT%IF\n"
	  "\nkill ends the flows of these ids, or those that match. Each flow has the rule that would\n"
	  "take it now. Members of group tproxy may list; only root may end flows, and sees those that\n"
	  "audit rules forward. Exit 1 if no relay runs and no rule audits, and for an unknown id.\n",
	  cmd_flows },
	{ "trace",
	  "[IF] [--src PREFIX] [--dst PREFIX] [--port [PROTO/]PORT] [--proto PROTO]\n"
	  "       [--local] [--count N] [--duration SECONDS]",
	  "show what is decided about each packet, and where the kernel drops it",
	  "  --src PREFIX      flows of these clients: an address or a prefix\n"
	  "  --dst PREFIX      flows to these servers\n"
	  "  --port [PROTO/]PORT\n"
	  "                    flows to this port of servers: 443 or udp/443\n"
	  "  --proto PROTO     tcp, udp or icmp\n"
	  "  --local           only own traffic: calls of processes here, and packets on lo for a proxy\n"
	  "  --count N         end after N lines\n"
	  "  --duration SECONDS\n"
	  "                    end after this time\n"
	  "\nBoth directions of a flow are shown, wherever they enter an attached interface, ICMP errors\n"
	  "about it, and what the kernel drops of it anywhere on this host. Without a filter, trace shows\n"
	  "all that enters the attached interfaces, or IF, and what is dropped of it; without IF, own\n"
	  "traffic too. What gets lost because there is too much is counted. Ctrl-C ends trace.\n",
	  cmd_trace },
	{ "monitor", "[--count N] [--duration SECONDS]",
	  "print what happens, a line for each event, until it is ended",
	  "  --count N         end after N events\n"
	  "  --duration SECONDS\n"
	  "                    end after this time\n"
	  "\nEvents: interfaces attached, detached, gone and back; repairs; policies made live,\n"
	  "confirmed and rolled back, with the command; rules without a listener, and with one again;\n"
	  "drops by reason, once a second; begin and end of audited flows; edits by hand. With --json\n"
	  "each line is an object. monitor waits while nothing is attached. Lost events are counted.\n",
	  cmd_monitor },
	{ "top", "[--by flows|rules|clients] [--interval SECONDS] [--limit N] [--once]",
	  "show flows, rules or clients by rate, again and again",
	  "  --by VIEW         flows (default), rules or clients\n"
	  "  --interval SECONDS\n"
	  "                    how often, from 0.5 to 3600 (1)\n"
	  "  --limit N         show N rows at most (100; on a terminal all)\n"
	  "  --once            print one table, after one interval\n"
	  "\nOn a terminal, keys choose the view (f, r, c), the order (s) and a filter (/); ? shows all\n"
	  "of them. Otherwise top prints a table, or with --json an object, after each interval.\n"
	  "Rates are bytes a second. Flows are those of running relays, and audited ones.\n",
	  cmd_top },
	{ "import", "[--ipv6] [FILE]", "translate iptables-save text into a configuration file",
	  "  --ipv6            the text is from ip6tables-save (its first line says so as well)\n"
	  "\nWithout FILE, import reads standard input. Exit 4 if something could not be translated.\n",
	  cmd_import },
	{ "listeners", "", "show the sockets that flows can be given to",
	  "Each socket with its process, the rules that use it, and what is wrong with it. Exit 4 if a\n"
	  "rule has no listener, or one that cannot take its flows.\n",
	  cmd_listeners },
	{ "adopt",
	  "--pid N [--port [PROTO/]PORT] [--rule NAME] [--original-dst] [--dry-run]\n"
	  "       | --list | --release --pid N | --release --all",
	  "make a running program a transparent proxy, without changing it",
	  "  --pid N           the process that listens\n"
	  "  --port [PROTO/]PORT\n"
	  "                    where it listens: 8080 or udp/53 (its only port)\n"
	  "  --rule NAME       also make it the proxy of this rule\n"
	  "  --original-dst    also answer SO_ORIGINAL_DST in its cgroup (see shim)\n"
	  "  --dry-run         show the steps, take none\n"
	  "  --list            show what is adopted\n"
	  "  --release         undo it: with --pid what this process runs, with --all everything\n"
	  "  --all             with --release\n"
	  "\nadopt sets IP_TRANSPARENT on the sockets of a running process and of its workers, so that a\n"
	  "rule with `proxy = PORT` can give it flows. watch follows restarts: it adopts what the same\n"
	  "user starts from the same executable on the same port. detach --all releases. Exit 4 if a\n"
	  "part will not work.\n",
	  cmd_adopt },
	{ "shim", "--cgroup PATH [--off] [--dry-run]",
	  "answer SO_ORIGINAL_DST for proxies that were written for REDIRECT",
	  "  --cgroup PATH     for the programs in this cgroup: /system.slice/redsocks.service\n"
	  "  --off             no longer\n"
	  "  --dry-run         show the steps, take none\n"
	  "\nOnly TCP connections that a rule has given to a proxy are concerned. Where the kernel has an\n"
	  "answer, as for flows of REDIRECT, it stays.\n",
	  cmd_shim },
	{ "watch", "[--config FILE] [IF|GLOB...]", "stay, and restore what gets lost",
	  "  --config FILE     apply it at the start and on SIGHUP; attach the interfaces it names\n"
	  "\nwatch attaches the interfaces and globs given here as they appear, and always watches\n"
	  "those that are attached already. SIGTERM ends it; everything stays attached.\n",
	  cmd_watch },
	{ "run",
	  "[--not] [--] COMMAND [ARGUMENT...]\n"
	  "       | [--not] --allow USER [--cgroup PATH]",
	  "start one program whose own traffic the rules take, or never",
	  "  --not             the rules never take it\n"
	  "  --allow USER      start nothing: let this user use run, from now on\n"
	  "  --cgroup PATH     with --allow: in this cgroup (that of all logins of the user)\n"
	  "\nFor the program and what it starts, the conditions uid, gid and cgroup of rules for own\n"
	  "traffic count as met; with --not it is left alone. Own traffic must be attached (exit 3).\n"
	  "The exit status is that of the program; 126 if it cannot be started, 127 if it is not\n"
	  "found.\n",
	  cmd_run },
	{ "clean", "", "remove what interrupted commands left over",
	  "Objects of another state that is in use stay. Exit 4 if something stays because its\n"
	  "owner is unknown; clean then shows the command that removes it.\n",
	  cmd_clean },
	{ "features", "", "show what this kernel supports", NULL, cmd_features },
	{ "version", "", "print the version", NULL, cmd_version },
};

static void print_help(void)
{
	printf("usage: tproxy-loader [OPTION...] COMMAND ...\n\ncommands:\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		printf("  %-9s %s\n", commands[i].name, commands[i].summary);
	printf("\noptions, before or after the command:\n"
	       "  -n, --netns NAME  work in a named network namespace\n"
	       "  --pin-dir DIR     where maps are pinned (TPROXY_PIN_DIR; /sys/fs/bpf/tproxy)\n"
	       "  -j, --json        machine-readable output\n"
	       "  -v, -vv           debug messages; with -vv also libbpf and verifier output\n"
	       "  -q                only warnings and errors, no steps\n"
	       "  -h, --help        print this text, or after a command its options\n"
	       "  -V, --version     print the version\n"
	       "\nexit: 0 done, 1 failed, 2 usage, 3 not attached, 4 done with remarks (diff, import,\n"
	       "check, clean, adopt, listeners, attach --probe; status, doctor: degraded), 5 broken (status, doctor;\n"
	       "test: would not arrive), 6 test: passes, 7 test: dropped or refused\n");
}

static void print_command_help(const struct command *command)
{
	printf("usage: tproxy-loader %s%s%s\n\n%s\n", command->name, *command->usage ? " " : "",
	       command->usage, command->summary);
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

/*
 * -h or --help after the command wins over every other argument, but not over those of another
 * command.
 */
static bool wants_help(const struct command *command, int argc, char **argv)
{
	for (int i = 1; i < argc && (command->run != cmd_run || argv[i][0] == '-'); i++)
		if (!strcmp(argv[i], "--"))
			return false;
		else if (!strcmp(argv[i], "-h") || !strcmp(argv[i], "--help"))
			return true;
	return false;
}

/* What could not be written, as to a full disk, must not look like a success. */
static int written(int code)
{
	const bool failed = fflush(stdout) || ferror(stdout);

	if (!failed || errno == EPIPE || code == EXIT_FAILED)
		return code;
	log_error("standard output: cannot be written: %s", strerror(errno));
	return EXIT_FAILED;
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
	if (wants_help(command, argc, argv)) {
		print_command_help(command);
		return EXIT_DONE;
	}
	app.command = command->name;
	optind = 0; /* GNU getopt: start over with the arguments of the command */
	return written(command->run(&app, argc, argv));
}
