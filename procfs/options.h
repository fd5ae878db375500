/* SPDX-License-Identifier: Apache-2.0 */
/* procfs/options.h - the daemon's command line */
#pragma once

#include <stdbool.h>

#include "common/opt.h"
#include "procfs/control.h"
#include "procfs/gather.h"
#include "procfs/identity.h"

struct config {
	bool foreground, debug, help, version;
	bool pressure_triggers;
	bool affinity;		/* answer sched_getaffinity(2), too */
	char *socket;		/* owned; NULL: the default */
	char *seccomp_socket;	/* owned; NULL: the default */
	char *mountpoint;	/* owned; NULL: the default */
	char *root;		/* owned: a recorded host, for tests; NULL: the real one */
	unsigned threads;	/* 0: the default */
	struct gather_policy policy;
	struct identity_policy identity;

	/* Made before the mount, and there in every worker. */
	struct control_socket control;	/* owned */
	int seccomp_fd;			/* owned, or -1: where engines bring listeners */
	char *seccomp_path;		/* owned: its name, while there is one */
	char *mounted_at;		/* owned: the mountpoint, resolved */
};

extern const struct opt_table config_options;

/** config_init() - the defaults */
void config_init(struct config *c);

/** config_done() - free what it owns */
void config_done(struct config *c);

/** config_socket(), config_mountpoint() - as given, or the defaults; lent */
const char *config_socket(const struct config *c);
const char *config_mountpoint(const struct config *c);

/** config_seccomp_path() - fill seccomp_path, by default beside the control socket;
 *	0 or -ENOMEM */
int config_seccomp_path(struct config *c);
