/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "common/procfs_client.h"
#include "common/sanitizer.h"
#include "procfs/command.h"
#include "procfs/ops.h"
#include "procfs/options.h"
#include "procfs/service.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

static void print_help(void)
{
	puts("usage: nacre-procfs [OPTION]... [MOUNTPOINT]\n"
	     "       nacre-procfs [--socket PATH] VERB [ARGUMENT]...\n"
	     "\n"
	     "Serve a /proc and /sys that show each container its own limits and usage,\n"
	     "on MOUNTPOINT (default " PROCFS_MOUNT_DEFAULT ").\n");
	opt_print_help(&config_options, "--", stdout);
	command_print_help(stdout);
}

static int usage_error(const struct opt_error *error)
{
	log_error("%s\nSee nacre-procfs --help", error->text);
	return EXIT_USAGE;
}

/*
 * A daemon that was killed together with its holder leaves a mount that answers
 * ENOTCONN; nobody can serve it again.
 */
static int clear_mountpoint(const char *path)
{
	struct statfs fs;

	if (statfs(path, &fs) == 0 || errno != ENOTCONN)
		return 0;
	log_info("a dead mount is on '%s'; unmounting it", path);
	return umount2(path, MNT_DETACH) < 0 ? -errno : 0;
}

static int make_dirs(const char *path)
{
	cleanup_free char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	for (char *p = copy + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return mkdir(copy, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

/*
 * True if one of us is mounted there: subtype fuse.nacre-procfs in mountinfo.
 * Told by the mount's id, for a row can be of a mount hidden under another.
 */
static bool is_served(const char *path)
{
	cleanup_file FILE *f = fopen("/proc/self/mountinfo", "re");
	cleanup_free char *line = NULL;
	size_t size = 0;
	struct statx stx;

	if (statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_MNT_ID, &stx) < 0)
		return false;
	while (f && getline(&line, &size, f) > 0)
		if (strtoull(line, NULL, 10) == stx.stx_mnt_id)
			return strstr(line, " - fuse.nacre-procfs ");
	return false;
}

static int prepare_mountpoint(struct config *c)
{
	const char *path = config_mountpoint(c);
	int r = clear_mountpoint(path);

	if (r >= 0)
		r = make_dirs(path);
	if (r >= 0) {
		c->mounted_at = realpath(path, NULL);
		r = c->mounted_at ? 0 : -errno;
	}
	if (r < 0) {
		log_error("cannot use '%s' as mountpoint: %s\nName another directory.",
			  path, strerror(-r));
		return r;
	}
	if (is_served(c->mounted_at)) {
		log_error("another nacre-procfs is mounted on '%s'\n"
			  "One daemon is enough for all containers.", c->mounted_at);
		return -EBUSY;
	}
	return 0;
}

static int count_cpus(const struct config *c, unsigned *ret_count)
{
	struct host *host;
	int r = host_open(c->root, &host);

	if (r < 0) {
		log_error("cannot read the host's CPUs from '%s/sys': %s\nIs /sys mounted?",
			  c->root ? c->root : "", strerror(-r));
		return r;
	}
	*ret_count = host_cpu_count(host);
	host_close(host);
	return 0;
}

/* The control socket's lock is ours: so is what lies at this path. */
static int listen_for_engines(struct config *c)
{
	c->seccomp_fd = control_bind(c->seccomp_path);
	if (c->seccomp_fd < 0)
		log_error("cannot listen on '%s': %s\nGive another path: --seccomp-socket PATH",
			  c->seccomp_path, strerror(-c->seccomp_fd));
	return c->seccomp_fd < 0 ? c->seccomp_fd : 0;
}

/*
 * What is done once for a mount. A newer version that goes on with it must not
 * touch the mountpoint, which waits for itself, and finds the socket made.
 */
static int prepare(struct config *c)
{
	int fd, r;

	if (!session_is_handover()) {
		if (prepare_mountpoint(c) < 0)
			return -1;
		r = control_listen(config_socket(c), &c->control);
		return r < 0 ? r : listen_for_engines(c);
	}

	fd = session_handover_fd(0);
	if (fd < 0) {
		log_error("the running version did not hand its control socket on");
		return fd;
	}
	c->control.listen_fd = fd;
	c->mounted_at = strdup(config_mountpoint(c));
	return c->mounted_at ? 0 : -ENOMEM;
}

/* The daemon's working directory is not that of the user. */
static int make_absolute(char **path)
{
	cleanup_free char *cwd = NULL;
	char *absolute;

	if (!*path || **path == '/')
		return 0;
	cwd = getcwd(NULL, 0);
	if (!cwd)
		return -errno;
	if (asprintf(&absolute, "%s/%s", cwd, *path) < 0)
		return -ENOMEM;
	free(*path);
	*path = absolute;
	return 0;
}

static int serve(struct config *c)
{
	struct session_config session = {
		.fsname = "nacre-procfs",
		.subtype = "nacre-procfs",
		/* A trigger is written. */
		.mount_flags = c->pressure_triggers ? "nosuid,nodev,noexec"
						    : "ro,nosuid,nodev,noexec",
		.allow_other = true,
		.default_permissions = true,
		.foreground = c->foreground,
		.debug = c->debug,
		.threads = c->threads,
	};
	struct session_service service = service_session;
	unsigned cpu_count;

	if (make_absolute(&c->socket) < 0 || make_absolute(&c->mountpoint) < 0 ||
	    make_absolute(&c->seccomp_path) < 0) {
		log_error("the working directory is gone\nGive absolute paths.");
		return EXIT_FAILED;
	}
	if (count_cpus(c, &cpu_count) < 0 || prepare(c) < 0)
		return EXIT_FAILED;

	session.mountpoint = c->mounted_at;
	session.state_bytes = service_state_size(cpu_count);
	session.inherit_fds[0] = c->control.listen_fd;
	session.arrivals_fd = c->seccomp_fd;
	if (c->pressure_triggers)
		service.ops = &procfs_ops_triggers;
	return session_run(&session, &service, c);
}

static int run(struct config *c, struct opt_list *words)
{
	if (c->help) {
		print_help();
		return 0;
	}
	if (c->version) {
		puts("nacre-procfs " PACKAGE_VERSION);
		return 0;
	}
	if (config_seccomp_path(c) < 0)
		return EXIT_FAILED;
	if (words->count && command_is_verb(words->items[0]))
		return command_run(c, words->count, words->items);
	if (words->count > 1) {
		log_error("more than one mountpoint: '%s' and '%s'\nSee nacre-procfs --help",
			  words->items[0], words->items[1]);
		return EXIT_USAGE;
	}
	if (words->count)
		c->mountpoint = take_ptr(words->items[0]);
	return serve(c);
}

int main(int argc, char **argv)
{
	struct opt_list words = { 0 };
	struct opt_error error = { "" };
	struct config c;
	int status, r;

	log_open("nacre-procfs", LOG_LEVEL_INFO);
	config_init(&c);
	r = opt_parse_args(&config_options, argc - 1, argv + 1, &c, NULL, &error);
	/* What follows a verb is the verb's own. */
	for (int i = r + 1; r >= 0 && i < argc; i++)
		if (opt_list_add(&words, argv[i]) < 0)
			r = -ENOMEM;
	if (r == -ENOMEM) {
		log_error("out of memory");
		status = EXIT_FAILED;
	} else if (r < 0) {
		status = usage_error(&error);
	} else {
		status = run(&c, &words);
	}
	opt_list_done(&words);
	config_done(&c);
	return status;
}
