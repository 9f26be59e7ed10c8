/* SPDX-License-Identifier: BSD-2-Clause */
/* The filter of system calls: forbidden ones end the process, in every thread; ordinary ones work. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/notify.h"
#include "lib/util.h"
#include "relay/process/seccomp.h"

/* Runs it under the filter; returns the status as wait does. */
static int status_of(void (*act)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_DUMPABLE, 0); /* no core file */
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (seccomp_enter())
			_exit(2);
		act();
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void run_shell(void)
{
	execl("/bin/sh", "sh", "-c", "exit 0", NULL);
}

static void write_file(void)
{
	open("/tmp/test_relay_seccomp", O_WRONLY | O_CREAT, 0600);
}

static void packet_socket(void)
{
	socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
}

static void become_root(void)
{
	syscall(SYS_setuid, 0);
}

static void executable_memory(void)
{
	mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void signal_parent(void)
{
	kill(getppid(), 0);
}

static void new_process(void)
{
	fork();
}

static void *forbidden_thread(void *arg)
{
	int *gate = arg;
	char c;

	if (read(gate[0], &c, 1) == 1)
		become_root();
	return NULL;
}

static void test_forbidden(void **state)
{
	static void (*const acts[])(void) = { run_shell,   write_file,        packet_socket,
					      become_root, executable_memory, signal_parent,
					      new_process };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(acts); i++) {
		int status = status_of(acts[i]);

		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
			fail_msg("act %zu: status %#x", i, (unsigned int)status);
	}
}

/* A thread that was there before the filter. */
static void test_threads(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (!pid) {
		pthread_t thread;
		int gate[2];

		prctl(PR_SET_DUMPABLE, 0);
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (pipe(gate) || pthread_create(&thread, NULL, forbidden_thread, gate) ||
		    seccomp_enter() || write(gate[1], "", 1) != 1)
			_exit(2);
		pthread_join(thread, NULL);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
}

static void need(bool ok, int code)
{
	if (!ok)
		_exit(code);
}

/* Calls of the engines that the net tests may not reach. */
static void ordinary(void)
{
	int size = 65536, pipes[2], fd;
	char buf[16];
	FILE *f;

	need(!pipe2(pipes, O_CLOEXEC | O_NONBLOCK), 10);
	need(fcntl(pipes[1], F_SETPIPE_SZ, size) >= size, 11);
	need(fcntl(pipes[1], F_GETPIPE_SZ) >= size, 12);
	need(splice(pipes[0], NULL, pipes[1], NULL, 1, SPLICE_F_NONBLOCK) < 0, 13);
	need(tee(pipes[0], pipes[1], 1, SPLICE_F_NONBLOCK) < 0, 14);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	need(fd >= 0, 15);
	need(recvmmsg(fd, NULL, 0, MSG_DONTWAIT, NULL) <= 0, 16);
	need(sendmmsg(fd, NULL, 0, 0) <= 0, 17);
	f = fopen("/etc/hostname", "re");
	if (f)
		need(fgets(buf, sizeof(buf), f) != NULL, 18);
	need(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) >= 0, 19);
	free(malloc(16 << 20));
	setenv("NOTIFY_SOCKET", "@test_relay_seccomp", 1);
	notify_systemd("WATCHDOG=1"); /* no socket is there, but it tries */
}

static void test_ordinary(void **state)
{
	(void)state;
	assert_int_equal(status_of(ordinary), 0);
}

int main(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	puts("1..0 # SKIP a sanitizer is built in, there is no filter then");
	return 0;
#endif
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forbidden),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_ordinary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
