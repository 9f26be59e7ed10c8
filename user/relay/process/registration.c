/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/process/registrar.h"

#include <bpf/bpf.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/pindir.h"
#include "lib/util.h"
#include "relay/net/localaddr.h"
#include "relay/process/privs.h"
#include "relay/process/slots.h"

/* inotify tells at once; the poll finds what it cannot, such as a bpffs mounted later. */
#define POLL_MS 250
#define CONFIG_ROOM 1024 /* above what any version of struct tproxy_config will take */
#define REFILL_QUIET_MS 10000

struct file_id {
	dev_t dev;
	ino_t ino;
};

struct watch_state {
	int sock;
	int inotify;
	int watch; /* of the parent directory, -1: none */
	const struct listener_set *set;
	bool join;
	const char *pin_dir;
	char parent[PATH_MAX];
	char socks[PATH_MAX + 8];
	char config[PATH_MAX + 8];
	char ifaces[PATH_MAX + 8];
	char local[PATH_MAX + 16];
	struct local_set addresses;
	struct slots slots;
	bool looked;               /* for the socket map, once */
	uint64_t refill_said;      /* ms of CLOCK_MONOTONIC, 0: never */
	struct file_id parent_id;  /* what is watched */
	struct file_id registered; /* the socket map we are in */
	struct file_id refused;    /* the socket map we warned about, and why */
	int refused_err;
	struct registrar_config reported;
};

static bool file_id_get(const char *path, struct file_id *ret_id)
{
	struct stat st;

	if (stat(path, &st))
		return false;
	*ret_id = (struct file_id){ .dev = st.st_dev, .ino = st.st_ino };
	return true;
}

static bool file_id_same(const struct file_id *a, const struct file_id *b)
{
	return a->dev == b->dev && a->ino == b->ino;
}

static void __printf(3, 4)
	tell(const struct watch_state *s, enum record_level level, const char *fmt, ...)
{
	struct registrar_report report = { .kind = REGISTRAR_TEXT, .level = level };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(report.text, sizeof(report.text), fmt, ap);
	va_end(ap);
	/* A relay that does not read must not hold us up. */
	send(s->sock, &report, sizeof(report), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* The state belongs to one network namespace; sockets of another one cannot be assigned there. */
static bool same_netns(const struct tproxy_config *config)
{
	struct file_id own;

	return !config->netns || !file_id_get("/proc/self/ns/net", &own) ||
	       own.ino == config->netns;
}

/* Whoever makes a directory of that name on a bpffs must not get our listeners. */
static int check_dir(const struct watch_state *s)
{
	char why[PINDIR_WHY_LEN];

	return pindir_check(s->pin_dir, why);
}

/*
 * 0, -EPROTO: other ABI, -EXDEV: other network namespace, -EUCLEAN: others may change it, or
 * what the kernel said.
 */
static int read_config(const struct watch_state *s, struct tproxy_config *ret_config)
{
	union {
		struct tproxy_config config;
		char room[CONFIG_ROOM]; /* the kernel writes all of it, whatever the ABI */
	} value;
	int err = check_dir(s);
	__cleanup_close int fd = err ? -1 : bpf_obj_get(s->config);
	__u32 key = 0;

	if (fd < 0)
		return err ? err : -errno;
	if (bpf_map_lookup_elem(fd, &key, &value))
		return -errno;
	if (value.config.abi != TPROXY_ABI)
		return -EPROTO;
	if (!same_netns(&value.config))
		return -EXDEV;
	*ret_config = value.config;
	return 0;
}

static bool any_drains(const struct watch_state *s)
{
	__cleanup_close int map = bpf_obj_get(s->ifaces);
	struct tproxy_iface value;
	__u32 key, *prev = NULL;

	for (; map >= 0 && !bpf_map_get_next_key(map, prev, &key); prev = &key)
		if (!bpf_map_lookup_elem(map, &key, &value) && (value.roles & TPROXY_ROLE_DRAINING))
			return true;
	return false;
}

/*
 * A map cannot be watched, so rules that change are seen at the next poll. The loader leaves
 * the rules of an interface that drains in force for a second.
 */
static void report_config(struct watch_state *s)
{
	struct registrar_report report = { .kind = REGISTRAR_CONFIG };
	struct tproxy_config config;

	if (!read_config(s, &config))
		report.config = (struct registrar_config){ .mark = config.mark,
							   .df_mark = config.df_mark,
							   .link_local = config.link_local,
							   .drains = any_drains(s) };
	if (!memcmp(&report.config, &s->reported, sizeof(s->reported)))
		return;
	if (send(s->sock, &report, sizeof(report), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		s->reported = report.config;
}

static void tell_refusal(const struct watch_state *s, int err)
{
	char why[PINDIR_WHY_LEN];

	if (err == -EUCLEAN && pindir_check(s->pin_dir, why) == err)
		tell(s, RECORD_WARN, "not registered: %s", why);
	else if (err == -EPROTO)
		tell(s, RECORD_WARN,
		     "%s: not registered: its maps have another ABI than %d (install loader and "
		     "relay of one version)",
		     s->pin_dir, TPROXY_ABI);
	else if (err == -EXDEV)
		tell(s, RECORD_WARN,
		     "%s: not registered: it belongs to another network namespace (start the relay "
		     "with --netns)",
		     s->pin_dir);
	else if (err == -EBUSY)
		tell(s, RECORD_WARN,
		     "%s: not registered: another relay is (this one is when that one ends; --join "
		     "shares the flows)",
		     s->pin_dir);
	else
		tell(s, RECORD_WARN, "%s: not registered: %s (trying again)", s->pin_dir,
		     strerror(-err));
}

/*
 * Addresses that come to this host are noted for the data path at once: without forwarding
 * the kernel does not say what is local (bpf_fib_lookup), and rules would take their flows.
 * One that is gone stays noted until the loader looks; nothing is forwarded there meanwhile.
 */
static void note_addresses(const struct watch_state *s)
{
	__cleanup_close int map = check_dir(s) ? -1 : bpf_obj_get(s->local);
	__u8 one = 1;

	for (size_t i = 0; map >= 0 && i < s->addresses.own.n; i++)
		bpf_map_update_elem(map, &s->addresses.own.items[i], &one, BPF_ANY);
}

/* Once for each map and cause, for this comes four times a second. */
static void report_refusal(struct watch_state *s, const struct file_id *map, int err)
{
	if (!file_id_same(map, &s->refused) || err != s->refused_err)
		tell_refusal(s, err);
	s->refused = *map;
	s->refused_err = err;
}

/* Registers in a socket map that we are not in. */
static void register_slots(struct watch_state *s, const struct file_id *map)
{
	struct tproxy_config config;
	int err = read_config(s, &config);

	if (!err)
		err = slots_enter(&s->slots, s->socks, s->join);
	if (err) {
		report_refusal(s, map, err);
		return;
	}
	s->registered = *map;
	s->refused = (struct file_id){ 0 };
	note_addresses(s);
	tell(s, RECORD_INFO, "registered in %s%s", s->pin_dir,
	     s->slots.others ? ", beside another relay" : "");
}

static void report_refill(struct watch_state *s, unsigned int count)
{
	uint64_t now = monotonic_ms();

	if (s->refill_said && now - s->refill_said < REFILL_QUIET_MS)
		return;
	s->refill_said = now;
	tell(s, RECORD_INFO, "%s: %u slots had become empty, and are filled again", s->pin_dir,
	     count);
}

static void refill_slots(struct watch_state *s)
{
	unsigned int filled;
	int err = slots_refill(&s->slots, s->socks, s->join, &filled);

	if (err)
		report_refusal(s, &s->registered, err);
	else if (filled)
		report_refill(s, filled);
}

static void report_waiting(struct watch_state *s)
{
	if (!s->looked)
		tell(s, RECORD_INFO,
		     "%s: not there yet, waiting to register (tproxy-loader attach IF makes it; "
		     "another one is chosen by --pin-dir)",
		     s->pin_dir);
}

static void sync_slots(struct watch_state *s)
{
	struct file_id now;
	bool there = file_id_get(s->socks, &now);

	if (!there)
		report_waiting(s);
	s->looked = true;
	if (!there)
		s->registered = (struct file_id){ 0 };
	else if (file_id_same(&now, &s->registered))
		refill_slots(s);
	else
		register_slots(s, &now);
}

/* Follows the parent directory, which may be mounted or made after us. */
static void sync_watch(struct watch_state *s)
{
	struct file_id now = { 0 };

	file_id_get(s->parent, &now);
	if (file_id_same(&now, &s->parent_id) || s->inotify < 0)
		return;
	if (s->watch >= 0)
		inotify_rm_watch(s->inotify, s->watch);
	s->watch = now.ino ? inotify_add_watch(s->inotify, s->parent,
					       IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR) :
			     -1;
	s->parent_id = now;
}

static void drop_everything(void)
{
	signal(SIGTERM, SIG_IGN); /* the relay says when to end; until then it may drain */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	privs_drop_capabilities();
	/* After the change of credentials, which clears it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "tproxy-registr");
}

static void registrar_loop(struct watch_state *s)
{
	char buf[4096];

	/* The first message is registrar_go; the end of file comes with the relay's end. */
	if (recv(s->sock, buf, sizeof(buf), 0) <= 0)
		return;
	for (;;) {
		struct pollfd fds[] = { { .fd = s->sock, .events = POLLIN },
					{ .fd = s->inotify, .events = POLLIN },
					{ .fd = s->addresses.events, .events = POLLIN } };

		sync_watch(s);
		/* First, so that the relay knows it before the first flow. */
		report_config(s);
		if (!s->set->device)
			sync_slots(s);
		if (poll(fds, ARRAY_SIZE(fds), POLL_MS) < 0)
			continue;
		if (fds[0].revents)
			return;
		if (fds[2].revents && !local_update(&s->addresses))
			note_addresses(s);
		if (fds[1].revents && read(s->inotify, buf, sizeof(buf)) < 0)
			continue;
	}
}

static void init_state(struct watch_state *s, const char *pin_dir, const struct listener_set *set)
{
	char copy[PATH_MAX];

	*s = (struct watch_state){ .sock = -1, .watch = -1, .set = set, .pin_dir = pin_dir };
	snprintf(copy, sizeof(copy), "%s", pin_dir);
	snprintf(s->parent, sizeof(s->parent), "%s", dirname(copy));
	snprintf(s->socks, sizeof(s->socks), "%s/socks", pin_dir);
	snprintf(s->config, sizeof(s->config), "%s/config", pin_dir);
	snprintf(s->ifaces, sizeof(s->ifaces), "%s/ifaces", pin_dir);
	snprintf(s->local, sizeof(s->local), "%s/internal/local", pin_dir);
	slots_init(&s->slots, set);
}

static int registrar_main(int sock, const char *pin_dir, const struct listener_set *set, bool join)
{
	static struct watch_state s;

	drop_everything();
	init_state(&s, pin_dir, set);
	s.sock = sock;
	s.join = join;
	local_open(&s.addresses); /* without it the loader's commands do, later */
	s.inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	registrar_loop(&s);
	return 0;
}

uint64_t registrar_find_other(const char *pin_dir, const struct listener_set *set)
{
	__cleanup_free struct watch_state *s = malloc(sizeof(*s));
	struct tproxy_config config;

	if (!s)
		return 0;
	init_state(s, pin_dir, set);
	return read_config(s, &config) ? 0 : slots_find_other(&s->slots, s->socks);
}

int registrar_start(const char *pin_dir, const struct listener_set *set, bool join,
		    struct registrar *ret_registrar)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	pid = fork();
	if (pid < 0) {
		int err = -errno;

		close(pair[0]);
		close(pair[1]);
		return err;
	}
	if (!pid) {
		close(pair[0]);
		_exit(registrar_main(pair[1], pin_dir, set, join));
	}
	close(pair[1]);
	*ret_registrar = (struct registrar){ .fd = pair[0], .pid = pid };
	return 0;
}

void registrar_go(const struct registrar *r)
{
	send(r->fd, "", 1, MSG_NOSIGNAL);
}

int registrar_read(const struct registrar *r, struct registrar_report *ret_report)
{
	ssize_t n = recv(r->fd, ret_report, sizeof(*ret_report), MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? -EAGAIN : 0;
	if (ret_report->kind == REGISTRAR_TEXT)
		ret_report->text[sizeof(ret_report->text) - 1] = '\0';
	return n == sizeof(*ret_report);
}

void registrar_stop(struct registrar *r)
{
	if (r->fd < 0)
		return;
	/* It is root and we are not: no signal of ours reaches it, the closed socket does. */
	close(r->fd);
	r->fd = -1;
	while (waitpid(r->pid, NULL, 0) < 0 && errno == EINTR)
		;
}
