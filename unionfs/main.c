/* SPDX-License-Identifier: Apache-2.0 */
/* unionfs/main.c - nacre-unionfs: from the command line to a mounted union */
#include "config.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "common/log.h"
#include "common/memory_limit.h"
#include "common/mount.h"
#include "common/sanitizer.h"
#include "unionfs/confine.h"
#include "unionfs/fsck.h"
#include "unionfs/ops.h"

#define PROGRAM "nacre-unionfs"

static void ignored(const char *option)
{
	log_warn("unknown option '%s', ignoring", option);
}

/* Each process of the session has its own copy of it, and ends with it. */
struct mounted {
	struct unionfs *u;
};

static int start(struct session *s, void *context, void **ret_userdata)
{
	struct unionfs *u = ((struct mounted *)context)->u;
	size_t bytes;
	void *memory = session_state(s, &bytes);
	int r;

	u->mounted = context;
	u->session = s;
	if (u->work)
		workdir_take_over(u->work);
	*ret_userdata = u;
	r = union_start(u, memory, session_generation(s) == 0);
	return r < 0 ? r : union_confine(u);	/* before there are other threads */
}

static int check(struct session *s, void *context)
{
	size_t bytes;
	void *memory = session_state(s, &bytes);

	return union_check(((struct mounted *)context)->u, memory, bytes);
}

static void stop(void *userdata)
{
	struct unionfs *u = userdata;

	/* Copies under way end here, so that nothing is left half done. */
	u->mounted->u = NULL;
	union_close(u);
}

static int serve(const struct options *o, struct mounted *m)
{
	const struct session_config config = {
		.fsname = o->source ? o->source : PROGRAM,
		.subtype = PROGRAM,
		.mountpoint = o->mountpoint,
		.mount_flags = o->mount_flags,
		.allow_other = o->allow_other,
		.default_permissions = true,
		.knows_birth = true,
		.foreground = o->foreground,
		.debug = o->debug,
		.threads = o->threads,
		.spin_us = o->spin_us ? (int)o->spin_us : -1,
		.no_resend = o->no_resend,
		.state_bytes = state_bytes(),
	};
	struct fuse_lowlevel_ops ops = { 0 };
	const struct session_service service = {
		.ops = &ops,
		.ops_size = sizeof(ops),
		.start = start,
		.init = ops_negotiate,
		.stop = stop,
		.check = check,
	};

	ops_init_session(&ops);
	ops_init_name(&ops);
	ops_init_change(&ops);
	ops_init_attr(&ops);
	ops_init_data(&ops);
	return session_run(&config, &service, m);
}

static int mount_union(const struct options *o)
{
	struct opt_error error = { "" };
	struct mounted m = { NULL };
	int status;

	if (union_open(o, &m.u, &error) < 0) {
		log_error("%s", error.text);
		return 1;
	}
	status = serve(o, &m);
	union_close(m.u);
	return status;
}

/* A layer takes a descriptor, and directories are kept open: as many as may be. */
static void raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	/* Requests carry up to 1 MiB: keep such blocks instead of mapping each. */
	mallopt(M_MMAP_THRESHOLD, 4 * 1024 * 1024);
	mallopt(M_TRIM_THRESHOLD, 8 * 1024 * 1024);
}

/* The holder is asked, not the worker: it is the worker that is replaced. */
static int upgrade(int argc, char **argv)
{
	log_open(PROGRAM, LOG_LEVEL_INFO);
	if (argc == 1 && strcmp(argv[0], "--all") == 0)
		return session_upgrade(NULL, PROGRAM);
	if (argc == 1 && argv[0][0] != '-')
		return session_upgrade(argv[0], PROGRAM);
	log_error("upgrade takes one mountpoint, or --all\nSee nacre-unionfs(1).");
	return 2;
}

int main(int argc, char **argv)
{
	struct opt_error error = { "" };
	struct options options;
	int status;

	log_open(PROGRAM, LOG_LEVEL_WARN);
	if (argc > 1 && strcmp(argv[1], "fsck") == 0) {
		raise_limits();
		return fsck_main(argc - 2, argv + 2);
	}
	if (argc > 1 && strcmp(argv[1], "upgrade") == 0)
		return upgrade(argc - 2, argv + 2);
	options_init(&options);
	options.is_handed_over = session_is_handover();
	if (options_parse(&options, argc - 1, argv + 1, ignored, &error) < 0) {
		log_error("%s", error.text);
		options_done(&options);
		return 2;
	}
	if (options.help) {
		options_print_help(PROGRAM, stdout);
		status = 0;
	} else if (options.version) {
		printf(PROGRAM " " PACKAGE_VERSION "\n");
		status = 0;
	} else if (options.remount) {
		status = mount_change(options.mountpoint, options.mount_flags) < 0;
	} else {
		raise_limits();
		options_fit_memory(&options, memory_limit());
		status = mount_union(&options);
	}
	options_done(&options);
	return status;
}
