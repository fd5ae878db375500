/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/lib/probe.c - linked with a daemon: its worker attempts what is forbidden
 *
 * Before it confines itself and again afterwards. To the file that NACRE_PROBE names
 * it adds lines like "before execve: allowed", "after execve: Function not implemented".
 * Whatever is attempted is harmless where it is allowed.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/confine.h"

static const char *outside(void)
{
	return getenv("NACRE_PROBE_OUTSIDE");	/* a directory that is no layer */
}

static char *below(const char *name)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s/%s", outside(), name);
	return path;
}

static int close_if(int fd)
{
	return fd < 0 ? -1 : close(fd);
}

static int try_execve(void)
{
	char *argv[] = { (char *)"/", NULL };

	(void)execve("/", argv, argv);	/* a directory cannot be executed */
	return errno == EACCES ? 0 : -1;
}

static int try_fork(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0)
		_exit(0);
	return pid < 0 ? -1 : (int)waitpid(pid, NULL, 0);
}

static int try_socket(void)
{
	return close_if(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int try_ptrace(void)
{
	errno = 0;
	(void)ptrace(PTRACE_ATTACH, getpid(), NULL, NULL);	/* never oneself: EPERM */
	return errno == EPERM ? 0 : -1;
}

static int try_peek(void)
{
	char from = 'x', to;
	struct iovec local = { &to, 1 }, remote = { &from, 1 };

	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == 1 ? 0 : -1;
}

static int try_mount(void)
{
	return mount("/", "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

static int try_umount(void)
{
	(void)umount2(below("nothing"), 0);
	return errno == ENOENT ? 0 : -1;
}

static int try_unshare(void)
{
	return unshare(CLONE_SYSVSEM);
}

static int try_setuid(void)
{
	return (int)syscall(SYS_setuid, getuid());
}

static int try_setgroups(void)
{
	return (int)syscall(SYS_setgroups, 0, NULL);
}

static int try_chroot(void)
{
	(void)chroot(below("nothing"));
	return errno == ENOENT ? 0 : -1;
}

static int try_kill(void)
{
	return kill(getppid(), 0);
}

static int try_type(void)
{
	(void)ioctl(-1, TIOCSTI, "x");		/* into a terminal */
	return errno == EBADF ? 0 : -1;
}

static int try_keyctl(void)
{
	return syscall(SYS_keyctl, 0 /* KEYCTL_GET_KEYRING_ID */, -1, 1) < 0 ? -1 : 0;
}

static int try_read_file(void)
{
	return close_if(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static int try_list_dir(void)
{
	return close_if(open(outside(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int try_write_file(void)
{
	return close_if(open(below("file"), O_WRONLY | O_CLOEXEC));
}

static int try_make_file(void)
{
	int fd = open(below("new"), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	return fd < 0 ? -1 : close(fd) | unlink(below("new"));
}

static int try_mkdir(void)
{
	int r = mkdir(below("dir"), 0700);

	return r < 0 ? -1 : rmdir(below("dir"));
}

static int try_rename(void)
{
	char from[4096];

	snprintf(from, sizeof(from), "%s", below("file"));
	return rename(from, below("moved")) < 0 ? -1 : rename(below("moved"), from);
}

static const struct {
	const char *name;
	int (*attempt)(void);
} attempts[] = {
	{ "execve", try_execve }, { "fork", try_fork }, { "socket", try_socket },
	{ "ptrace", try_ptrace }, { "peek", try_peek }, { "mount", try_mount },
	{ "umount", try_umount }, { "unshare", try_unshare },
	{ "setuid", try_setuid }, { "setgroups", try_setgroups },
	{ "chroot", try_chroot }, { "kill", try_kill }, { "type", try_type },
	{ "keyctl", try_keyctl }, { "read-file", try_read_file },
	{ "list-dir", try_list_dir }, { "write-file", try_write_file },
	{ "make-file", try_make_file }, { "mkdir", try_mkdir },
	{ "rename", try_rename },
};

void confine_probe(bool is_confined)
{
	static int fd = -1;

	if (!getenv("NACRE_PROBE") || !outside())
		return;
	if (fd < 0)
		fd = open(getenv("NACRE_PROBE"),
			  O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		int r = attempts[i].attempt();

		dprintf(fd, "%s %s: %s\n", is_confined ? "after" : "before",
			attempts[i].name, r < 0 ? strerror(errno) : "allowed");
	}
}
