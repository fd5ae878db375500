/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procfs/identity.h - which container a process is in
 *
 * How it works. For the automatic view the kernel tells who opens a file, as a
 * thread id. Asked in this order, each optional:
 *
 *  registered	the process is in a registered container's cgroups, or below;
 *  cgroupns	it has a cgroup namespace: its container is that namespace's
 *		root, wherever in it init or the process itself was moved to;
 *  pidns	it has a pid namespace: its container is where that one's init is;
 *  caller	its own cgroups.
 *
 * Nothing is resolved through the container's own mounts, and no process is
 * started. The answer is kept by what it depends on, the namespaces' inodes and the
 * text of /proc/TID/cgroup, as long as the init that was found lives; so it needs no
 * time-out.
 */
#pragma once

#include <sys/types.h>

#include "procfs/container.h"

enum identity_rule {
	IDENTITY_REGISTERED,
	IDENTITY_CGROUPNS,
	IDENTITY_PIDNS,
	IDENTITY_CALLER,
	IDENTITY_RULES,
};

struct identity_policy {
	enum identity_rule rules[IDENTITY_RULES];
	unsigned count;
};

struct identity;

/** identity_rule_name() - as --identity writes it */
const char *identity_rule_name(enum identity_rule rule);

/** identity_open() - lent: all but @ret; 0, -ENOMEM or any open(2) error */
int identity_open(struct containers *containers, const struct container_world *world,
		  const struct identity_policy *policy, struct identity **ret);

/** identity_close() - accepts NULL, returns NULL */
struct identity *identity_close(struct identity *id);

/**
 * identity_of() - the container that a thread is in
 * @tid:	in our pid namespace; 0 if the kernel could not tell it there
 * @ret:	give back with container_put()
 *
 * Return: 0; -ESRCH if there is no such thread; as containers_add().
 */
int identity_of(struct identity *id, pid_t tid, struct container **ret);

/** identity_registered() - the registered container whose cgroups a thread is in,
 *	or NULL; makes no automatic one */
struct container *identity_registered(struct identity *id, pid_t tid);

/** identity_init() - the init of a thread's pid namespace as we see it; -ENOENT if
 *	that is our own; any error of /proc */
pid_t identity_init(struct identity *id, pid_t tid);
