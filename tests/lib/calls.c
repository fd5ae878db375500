/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/lib/calls.c - a container's system calls, and the engine that hands them on
 *
 *	calls notify SOCKET ID CALL[,CALL...] COMMAND...
 *		as an engine does: put COMMAND under a filter that notifies of
 *		these calls, and bring the listener to SOCKET
 *	calls sysinfo [32]	print what sysinfo(2) says, of a program of 32 bits
 *	calls affinity		print how many CPUs sched_getaffinity(2) has
 *	calls fault		sysinfo(2) with an address that is none: print its errno
 *	calls loop BYTES FILE	call sysinfo(2) until FILE is gone; fail if it does, or if
 *				the total is ever another than BYTES, if not 0. Prints how often.
 */
#include "config.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/un.h>
#include <unistd.h>

static int give_up(const char *what)
{
	perror(what);
	return 1;
}

static int fill_filter(scmp_filter_ctx filter, char *calls)
{
	char *save;

#ifdef __x86_64__
	(void)seccomp_arch_add(filter, SCMP_ARCH_X86);
#endif
	for (char *name = strtok_r(calls, ",", &save); name; name = strtok_r(NULL, ",", &save))
		if (seccomp_rule_add(filter, SCMP_ACT_NOTIFY,
				     seccomp_syscall_resolve_name(name), 0) < 0)
			return -1;
	if (seccomp_load(filter) < 0)
		return -1;
	return seccomp_notify_fd(filter);
}

/* The listener, or -1. */
static int make_filter(char *calls)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int fd = filter ? fill_filter(filter, calls) : -1;

	if (filter)
		seccomp_release(filter);
	return fd;
}

static int bring(const char *path, const char *id, int listener_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { .header = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	char text[1024];
	struct iovec iov = { text, 0 };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	iov.iov_len = (size_t)snprintf(text, sizeof(text),
		"{\"ociVersion\":\"1.0.2\",\"fds\":[\"seccompFd\"],\"pid\":%d,\"metadata\":\"\","
		"\"state\":{\"ociVersion\":\"1.0.2\",\"id\":\"%s\",\"status\":\"creating\","
		"\"pid\":%d,\"bundle\":\"/\"}}", getpid(), id, getpid());
	memcpy(CMSG_DATA(&control.header), &listener_fd, sizeof(listener_fd));
	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    sendmsg(fd, &message, 0) < 0)
		return -1;
	return close(fd);
}

static int notify(char **argv)
{
	int fd = make_filter(argv[2]);

	if (fd < 0)
		return give_up("filter");
	if (bring(argv[0], argv[1], fd) < 0)
		return give_up(argv[0]);
	close(fd);
	execvp(argv[3], argv + 3);
	return give_up(argv[3]);
}

static int print_64(void)
{
	struct sysinfo s;

	memset(&s, 0xff, sizeof(s));
	if (sysinfo(&s) < 0)
		return give_up("sysinfo");
	printf("uptime %ld\nloads %lu %lu %lu\ntotal %lu\nfree %lu\nshared %lu\nbuffer %lu\n"
	       "swap %lu\nswapfree %lu\nprocs %u\nhigh %lu %lu\nunit %u\n",
	       s.uptime, s.loads[0], s.loads[1], s.loads[2], s.totalram, s.freeram,
	       s.sharedram, s.bufferram, s.totalswap, s.freeswap, s.procs, s.totalhigh,
	       s.freehigh, s.mem_unit);
	return 0;
}

/* The call of a program of 32 bits, from one of 64: 77 if there is no such thing. */
static int print_32(void)
{
#ifdef __x86_64__
	uint32_t *s = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	long result = 116;

	if (s == MAP_FAILED)
		return give_up("mmap");
	memset(s, 0xff, 128);
	__asm__ volatile("int $0x80" : "+a"(result) : "b"(s) : "memory", "cc",
			 "r8", "r9", "r10", "r11");
	if (result < 0)
		return result == -ENOSYS ? 77 : 1;
	printf("total %u\nfree %u\nprocs %u\nunit %u\nafter %x\n", s[4], s[5],
	       s[10] & 0xffff, s[13], s[16]);
	return 0;
#else
	return 77;
#endif
}

static int loop(const char *bytes, const char *file)
{
	unsigned long total = strtoul(bytes, NULL, 10), count = 0;
	struct sysinfo s;

	for (; access(file, F_OK) == 0; count++) {
		memset(&s, 0, sizeof(s));
		if (sysinfo(&s) < 0)
			return give_up("sysinfo");
		if (total && s.totalram * s.mem_unit != total) {
			fprintf(stderr, "total %lu after %lu calls\n", s.totalram, count);
			return 1;
		}
	}
	printf("%lu\n", count);
	return 0;
}

static int affinity(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return give_up("sched_getaffinity");
	printf("%d\n", CPU_COUNT(&set));
	return 0;
}

static int fault(void)
{
	struct sysinfo *nowhere = (void *)16;

	printf("%s\n", sysinfo(nowhere) < 0 ? strerrorname_np(errno) : "none");
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (strcmp(what, "notify") == 0 && argc > 5)
		return notify(argv + 2);
	if (strcmp(what, "sysinfo") == 0)
		return argc > 2 ? print_32() : print_64();
	if (strcmp(what, "affinity") == 0)
		return affinity();
	if (strcmp(what, "fault") == 0)
		return fault();
	if (strcmp(what, "loop") == 0 && argc > 3)
		return loop(argv[2], argv[3]);
	fputs("usage: calls notify|sysinfo|affinity|fault|loop ...\n", stderr);
	return 2;
}
