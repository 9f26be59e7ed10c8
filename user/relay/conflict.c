/* SPDX-License-Identifier: BSD-2-Clause */
#include "relay/conflict.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/netlink.h"
#include "lib/parse.h"
#include "lib/util.h"
#include "relay/registrar.h"

#define PATIENCE_MS 1000
#define LOOK_MS 50

#define COMM_LEN 16

struct holder {
	uint64_t cookie; /* of the listener that is looked for */
	uint32_t inode;  /* 0: not found */
	uint16_t port;   /* host byte order */
	pid_t pid;       /* 0: not found */
	char comm[COMM_LEN];
};

static int match_socket(const struct nlmsghdr *msg, void *data)
{
	const struct inet_diag_msg *diag = mnl_nlmsg_get_payload(msg);
	struct holder *holder = data;
	uint64_t cookie = (uint64_t)diag->id.idiag_cookie[1] << 32 | diag->id.idiag_cookie[0];

	if (cookie == holder->cookie) {
		holder->inode = diag->idiag_inode;
		holder->port = ntohs(diag->id.idiag_sport);
	}
	return MNL_CB_OK;
}

static void find_socket(struct nl *diag, uint8_t family, struct holder *holder)
{
	char buf[NL_BUFFER];
	struct nlmsghdr *msg = nl_message(diag, buf, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);
	struct inet_diag_req_v2 *req = mnl_nlmsg_put_extra_header(msg, sizeof(*req));

	req->sdiag_family = family;
	req->sdiag_protocol = IPPROTO_TCP;
	req->idiag_states = 1 << TCP_LISTEN;
	nl_query(diag, msg, match_socket, holder);
}

static void close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static DIR *open_dir(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		cleanup_fd(&fd);
	return dir;
}

static bool has_socket(int proc, const char *pid, uint32_t inode)
{
	DIR *dir __attribute__((cleanup(close_dir))) = NULL;
	char path[32], want[32], link[32];
	struct dirent *entry;

	snprintf(path, sizeof(path), "%s/fd", pid);
	snprintf(want, sizeof(want), "socket:[%u]", inode);
	dir = open_dir(proc, path);
	while (dir && (entry = readdir(dir))) {
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);

		link[len < 0 ? 0 : len] = '\0';
		if (!strcmp(link, want))
			return true;
	}
	return false;
}

static void read_comm(int proc, const char *pid, char *ret_comm)
{
	char path[32];
	__cleanup_close int fd = -1;
	ssize_t len;

	snprintf(path, sizeof(path), "%s/comm", pid);
	fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? 0 : read(fd, ret_comm, COMM_LEN - 1);
	ret_comm[len < 0 ? 0 : len] = '\0';
	ret_comm[strcspn(ret_comm, "\n")] = '\0';
}

/* The relay rather than its child, or systemd, which may have the same socket. */
static void find_process(struct holder *holder)
{
	DIR *proc __attribute__((cleanup(close_dir))) = open_dir(AT_FDCWD, "/proc");
	struct dirent *entry;
	uint32_t pid;

	while (proc && strcmp(holder->comm, "tproxy-relay") && (entry = readdir(proc))) {
		if (parse_u32(entry->d_name, 1, INT32_MAX, &pid, &(const char *){ NULL }) ||
		    !has_socket(dirfd(proc), entry->d_name, holder->inode))
			continue;
		holder->pid = (pid_t)pid;
		read_comm(dirfd(proc), entry->d_name, holder->comm);
	}
}

static struct holder find_holder(uint64_t cookie)
{
	struct holder holder = { .cookie = cookie };
	struct nl diag __cleanup_nl = { 0 };

	if (nl_open_bus(&diag, NETLINK_SOCK_DIAG))
		return holder;
	find_socket(&diag, AF_INET, &holder);
	if (!holder.inode)
		find_socket(&diag, AF_INET6, &holder);
	if (holder.inode)
		find_process(&holder);
	return holder;
}

static void explain(const struct holder *holder, const char *pin_dir, char *ret_why, size_t size)
{
	char who[64] = "";
	int len = 0;

	if (holder->pid)
		len = snprintf(who, sizeof(who), ", process %d", (int)holder->pid);
	if (holder->inode)
		snprintf(who + len, sizeof(who) - (size_t)len, ", port %u", holder->port);
	snprintf(ret_why, size,
		 "%s: another relay is registered there%s (stop it, share its flows with --join, or "
		 "choose another --pin-dir)",
		 pin_dir, who);
}

int conflict_check(const char *pin_dir, const struct listener_set *set, char *ret_why, size_t size)
{
	uint64_t deadline = monotonic_ms() + PATIENCE_MS;
	uint64_t cookie;
	struct holder holder;

	while ((cookie = registrar_find_other(pin_dir, set)) && monotonic_ms() < deadline)
		usleep(LOOK_MS * 1000);
	if (!cookie)
		return 0;
	holder = find_holder(cookie);
	explain(&holder, pin_dir, ret_why, size);
	return -EBUSY;
}
