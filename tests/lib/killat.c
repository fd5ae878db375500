/* SPDX-License-Identifier: Apache-2.0 */
/*
 * killat [--read] PID N - kill a process right before its N-th system call that changes
 *	something or takes a message; with --read, right after its N-th readv(2) that got
 *	something
 *
 * Prints "attached", and then works until the process was killed (status 0), or until
 * SIGTERM (status 3: it made fewer such calls). Threads that it starts count too.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOT_REACHED = 3 };

static const long changing[] = {
	SYS_mkdirat, SYS_mknodat, SYS_symlinkat, SYS_linkat, SYS_unlinkat,
	SYS_renameat, SYS_renameat2, SYS_fchown, SYS_fchownat, SYS_fchmod,
	SYS_fchmodat, SYS_utimensat, SYS_ftruncate, SYS_fallocate, SYS_write,
	SYS_pwrite64, SYS_writev, SYS_copy_file_range, SYS_sendfile, SYS_ioctl,
	SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr, SYS_removexattr,
	SYS_lremovexattr, SYS_fremovexattr, SYS_sendmsg, SYS_recvmsg, SYS_recvfrom,
	SYS_accept4, SYS_fsync, SYS_fdatasync,
};

static bool after_read;

/* Return: where the thread's last system call is noted. */
static uint64_t *last_call(pid_t tid)
{
	static struct { pid_t tid; uint64_t nr; } last[256];
	unsigned i = 0;

	while (i < 255 && last[i].tid && last[i].tid != tid)
		i++;
	last[i].tid = tid;
	return &last[i].nr;
}

static bool changes(const struct __ptrace_syscall_info *info)
{
	if (info->entry.nr == SYS_openat)
		return info->entry.args[2] & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY));
	/* A directory is looked at like this before it is changed. */
	if (info->entry.nr == SYS_statx)
		return info->entry.args[2] & AT_EMPTY_PATH;
	for (size_t i = 0; i < sizeof(changing) / sizeof(changing[0]); i++)
		if (info->entry.nr == (uint64_t)changing[i])
			return true;
	return false;
}

static bool attach(pid_t tid)
{
	return ptrace(PTRACE_SEIZE, tid, NULL,
		      PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE) == 0 &&
	       ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) == 0;
}

/* Every thread, each stopped once and then going on. */
static unsigned attach_all(pid_t pid)
{
	char path[64];
	struct dirent *e;
	unsigned count = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	while (dir && (e = readdir(dir)))
		if (e->d_name[0] != '.' && attach(atoi(e->d_name)))
			count++;
	if (dir)
		closedir(dir);
	for (unsigned n = 0; n < count; n++) {
		int status;
		pid_t tid = waitpid(-1, &status, __WALL);

		if (tid > 0)
			(void)ptrace(PTRACE_SYSCALL, tid, NULL, NULL);
	}
	return count;
}

static bool is_counted(pid_t tid, int status)
{
	struct __ptrace_syscall_info info;

	if (!WIFSTOPPED(status) || WSTOPSIG(status) != (SIGTRAP | 0x80))
		return false;
	if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof(info), &info) <= 0)
		return false;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		*last_call(tid) = info.entry.nr;
	if (after_read)
		return info.op == PTRACE_SYSCALL_INFO_EXIT &&
		       *last_call(tid) == SYS_readv && info.exit.rval > 0;
	return info.op == PTRACE_SYSCALL_INFO_ENTRY && changes(&info);
}

/* Signals are handed on; stops that are ours are not. */
static void go_on(pid_t tid, int status)
{
	int signal = WSTOPSIG(status);

	if (signal == (SIGTRAP | 0x80) || signal == SIGTRAP || status >> 16)
		signal = 0;
	(void)ptrace(PTRACE_SYSCALL, tid, NULL, signal);
}

static void on_term(int number)
{
	(void)number;
	_exit(NOT_REACHED);
}

int main(int argc, char **argv)
{
	unsigned long n, count = 0;
	pid_t pid, tid;
	int status;

	after_read = argc > 1 && strcmp(argv[1], "--read") == 0;
	argc -= after_read;
	argv += after_read;
	pid = argc == 3 ? atoi(argv[1]) : 0;
	n = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	if (pid <= 0 || n == 0) {
		fprintf(stderr, "usage: killat [--read] PID N\n");
		return 2;
	}
	signal(SIGTERM, on_term);
	if (attach_all(pid) == 0) {
		fprintf(stderr, "killat: cannot trace %d\n", (int)pid);
		return 2;
	}
	puts("attached");
	fflush(stdout);
	while ((tid = waitpid(-1, &status, __WALL)) > 0) {
		if (!WIFSTOPPED(status))
			continue;
		if (is_counted(tid, status) && ++count == n) {
			kill(pid, SIGKILL);
			break;
		}
		go_on(tid, status);
	}
	while (waitpid(-1, &status, __WALL) > 0)
		;
	return 0;
}
