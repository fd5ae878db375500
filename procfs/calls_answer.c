/* SPDX-License-Identifier: Apache-2.0 */
/* procfs/calls_answer.c - what one call is told */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "procfs/calls_impl.h"
#include "procfs/load.h"
#include "procfs/process.h"
#include "procfs/sysinfo.h"

#define X32_BIT 0x40000000	/* in the numbers of x86-64's calls with short pointers */

struct call {
	struct service *service;
	int listener_fd;
	struct container *container;
	const struct seccomp_notif *n;
	bool is_64;
};

/* What is open after the second look is the caller's, or nothing is written. */
static int write_to_caller(const struct call *c, uint64_t address, const void *data,
			   size_t size)
{
	cleanup_fd int fd = -1;
	uint64_t id = c->n->id;
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "proc/%d/mem", (int)c->n->pid);
	fd = neg_errno(openat(host_root_fd(c->service->world.host), path,
			      O_WRONLY | O_CLOEXEC));
	if (ioctl(c->listener_fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) < 0)
		return -errno;
	if (fd < 0)
		return -EACCES;
	n = pwrite(fd, data, size, (off_t)address);
	return n == (ssize_t)size ? 0 : -EFAULT;
}

static int answer_sysinfo(const struct call *c, int64_t *ret_value)
{
	cleanup_view struct view v = { 0 };
	unsigned char data[SYSINFO_BYTES_64];
	size_t bytes;
	int r = container_view(c->container, SYSINFO_NEEDS, NULL, &v);

	if (r >= 0)
		r = load_view(c->container, c->service->world.host, &v);
	if (r < 0)
		return -ENODATA;
	bytes = sysinfo_write(&v, c->is_64, data);
	*ret_value = 0;
	return write_to_caller(c, c->n->data.args[0], data, bytes);
}

/* The thread that is asked about: the caller itself, by either of its names. */
static bool is_about_caller(const struct call *c, pid_t asked)
{
	return asked == 0 || process_own_number(c->service->world.host, (pid_t)c->n->pid) ==
				     (uint64_t)asked;
}

static int answer_affinity(const struct call *c, int64_t *ret_value)
{
	cleanup_view struct view v = { 0 };
	unsigned char mask[CPUS_MAX / 8] = { 0 };
	unsigned size = (unsigned)c->n->data.args[1];
	long bytes;

	if (!c->service->config->affinity || !is_about_caller(c, (pid_t)c->n->data.args[0]))
		return -ENODATA;
	if (size % (c->is_64 ? 8 : 4) ||
	    size < (host_cpu_count(c->service->world.host) + 7) / 8)
		return -EINVAL;
	bytes = syscall(SYS_sched_getaffinity, c->n->pid, sizeof(mask), mask);
	if (bytes < 0 || container_view(c->container, VIEW_CPUS, NULL, &v) < 0)
		return -ENODATA;

	if (bytes > (long)size)
		bytes = (long)size;
	sysinfo_affinity(&v, mask, (size_t)bytes);
	*ret_value = bytes;
	return write_to_caller(c, c->n->data.args[2], mask, (size_t)bytes);
}

static const struct {
	const char *name;
	int (*answer)(const struct call *c, int64_t *ret_value);
} calls[] = {
	{ "sysinfo", answer_sysinfo },
	{ "sched_getaffinity", answer_affinity },
};

/* As answer_sysinfo(): 0; -EFAULT and -EINVAL are for the caller, -ENOENT says it is
 * gone, all else that it cannot be told. */
static int answer(const struct call *c, int64_t *ret_value)
{
	const struct seccomp_data *data = &c->n->data;
	cleanup_free char *name = NULL;

	/* The numbers of architectures are libseccomp's, too. */
	name = seccomp_syscall_resolve_num_arch(data->arch, data->nr & ~X32_BIT);
	for (size_t i = 0; name && i < sizeof(calls) / sizeof(calls[0]); i++)
		if (strcmp(calls[i].name, name) == 0)
			return calls[i].answer(c, ret_value);
	return -ENOSYS;
}

int calls_answer(struct service *s, int listener_fd, struct container *container,
		 const struct seccomp_notif *n, struct seccomp_notif_resp *ret)
{
	cleanup_container struct container *found = NULL;
	struct call c = { s, listener_fd, container, n, n->data.arch & __AUDIT_ARCH_64BIT };
	struct seccomp_notif_resp response = { .id = n->id };
	int64_t value = 0;
	int r = 0;

	if (!container) {
		r = identity_of(s->identity, (pid_t)n->pid, &found);
		c.container = found;
	}
	if (r >= 0)
		r = answer(&c, &value);
	else
		r = -ENODATA;
	if (r == -ENOENT)
		return r;

	stats_count(&s->state->stats.calls);
	if (r == 0)
		response.val = value;
	else if (r == -EFAULT || r == -EINVAL)
		response.error = r;
	else
		response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	if (response.flags)
		stats_count(&s->state->stats.calls_continued);
	*ret = response;
	return 0;
}
