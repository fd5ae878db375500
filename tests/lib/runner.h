/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/lib/runner.h - what a behaviour script may have left behind
 *
 * How it works. The runner is the subreaper of everything the script starts,
 * in a mount namespace of its own. So whatever is still a child of the runner
 * after the script ended, and whatever is mounted that was not before, was
 * left behind, however it was daemonised. Each function below finds one kind,
 * says so on stderr, removes it, and returns how many there were.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct mount_set;	/* mount ids, as of some moment */

/** mount_set_now() - the mounts that this process sees; NULL if out of memory */
struct mount_set *mount_set_now(void);

/** mount_set_free() - accepts NULL, returns NULL */
struct mount_set *mount_set_free(struct mount_set *set);

/** mount_own_run() - an empty /run in this mount namespace, and nothing of the
 *	host's hidden below it; 0 or -errno */
int mount_own_run(void);

/**
 * leaks_mounts() - unmount what was not mounted in @before
 * @report:	false to clean up without a word
 *
 * FUSE connections are aborted first: a server that hangs must not take the
 * runner with it.
 */
unsigned leaks_mounts(const struct mount_set *before, bool report);

/** leaks_abort_fuse() - abort the FUSE connections mounted since @before */
void leaks_abort_fuse(const struct mount_set *before);

/** leaks_processes() - kill and reap every descendant that still lives */
unsigned leaks_processes(bool report);

/** leaks_show_processes() - one line for each descendant: what it waits for */
void leaks_show_processes(void);

/** leaks_cgroups() - remove cgroups whose name contains @id */
unsigned leaks_cgroups(const char *id, bool report);

/** leaks_sanitizer() - print each report the sanitizers left as @dir/san.* */
unsigned leaks_sanitizer(const char *dir);
