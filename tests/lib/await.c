/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/lib/await - wait for an event instead of sleeping
 *
 *	await [-t SECONDS] exit PID...		until these processes have ended
 *	await [-t SECONDS] path PATH		until PATH exists
 *	await [-t SECONDS] gone PATH		until PATH does not exist
 *	await [-t SECONDS] mounted DIR		until something is mounted on DIR
 *	await [-t SECONDS] unmounted DIR	until nothing is
 *
 * Exit status: 0, or 1 after SECONDS (30) with a line that says what did not
 * happen, or 2 when called wrongly.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"

struct wait {
	const char *what;	/* the thing awaited, as the user wrote it */
	int64_t deadline_ms;
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Sleep until @fd reports @events; false at the deadline. */
static bool wait_fd(const struct wait *w, int fd, short events)
{
	struct pollfd pfd = { .fd = fd, .events = events };
	int64_t left = w->deadline_ms - now_ms();

	return left > 0 && (poll(&pfd, 1, (int)left) > 0 || errno == EINTR);
}

static bool await_exit(const struct wait *w)
{
	pid_t pid = (pid_t)strtol(w->what, NULL, 10);
	cleanup_fd int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd < 0)
		return errno == ESRCH || errno == EINVAL;
	return wait_fd(w, fd, POLLIN);
}

static bool exists(const char *path)
{
	return faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool await_path_state(const struct wait *w, bool want)
{
	cleanup_free char *copy = strdup(w->what);
	cleanup_fd int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char buf[sizeof(struct inotify_event) + NAME_MAX + 1];

	if (!copy || fd < 0)
		return false;
	if (inotify_add_watch(fd, dirname(copy), IN_CREATE | IN_MOVE | IN_DELETE) < 0)
		fprintf(stderr, "await: cannot watch '%s': %m\n", copy);
	while (exists(w->what) != want) {
		if (!wait_fd(w, fd, POLLIN))
			return false;
		while (read(fd, buf, sizeof(buf)) > 0)
			;
	}
	return true;
}

static bool await_path(const struct wait *w)
{
	return await_path_state(w, true);
}

static bool await_gone(const struct wait *w)
{
	return await_path_state(w, false);
}

/* mountinfo writes a blank as \040; tests use no stranger names for mounts. */
static bool is_mounted(FILE *mountinfo, const char *target)
{
	cleanup_free char *line = NULL;
	char path[PATH_MAX];
	bool found = false;
	size_t size = 0;

	rewind(mountinfo);
	while (getline(&line, &size, mountinfo) > 0)
		if (sscanf(line, "%*s %*s %*s %*s %4095s", path) == 1 &&
		    strcmp(path, target) == 0)
			found = true;
	return found;
}

static bool await_mount_state(const struct wait *w, bool want)
{
	cleanup_file FILE *mountinfo = fopen("/proc/self/mountinfo", "re");
	char resolved[PATH_MAX];
	const char *target = w->what;

	/* A dead FUSE mount cannot be resolved: take the name as it is. */
	if (want && realpath(target, resolved))
		target = resolved;
	while (mountinfo && is_mounted(mountinfo, target) != want)
		if (!wait_fd(w, fileno(mountinfo), POLLPRI))
			return false;
	return mountinfo;
}

static bool await_mounted(const struct wait *w)
{
	return await_mount_state(w, true);
}

static bool await_unmounted(const struct wait *w)
{
	return await_mount_state(w, false);
}

static const struct {
	const char *verb;
	bool (*await)(const struct wait *w);
} verbs[] = {
	{ "exit", await_exit },
	{ "path", await_path },
	{ "gone", await_gone },
	{ "mounted", await_mounted },
	{ "unmounted", await_unmounted },
};

static int await_all(size_t verb, int64_t deadline_ms, char **things)
{
	for (; *things; things++) {
		struct wait w = { *things, deadline_ms };

		if (verbs[verb].await(&w))
			continue;
		fprintf(stderr, "await: in vain for '%s %s'\n", verbs[verb].verb, *things);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

int main(int argc, char *argv[])
{
	int64_t seconds = 30;
	size_t i;
	int opt;

	while ((opt = getopt(argc, argv, "t:")) == 't')
		seconds = strtol(optarg, NULL, 10);
	for (i = 0; optind + 1 < argc && i < sizeof(verbs) / sizeof(*verbs); i++)
		if (strcmp(argv[optind], verbs[i].verb) == 0)
			return await_all(i, now_ms() + seconds * 1000, argv + optind + 1);
	fprintf(stderr, "usage: await [-t SECONDS] exit|path|gone|mounted|unmounted THING...\n");
	return 2;
}
