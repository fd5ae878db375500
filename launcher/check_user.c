/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/check.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cgroup.h"
#include "common/cleanup.h"
#include "launcher/rootless.h"

static int try_userns(void)
{
	/* Root may always; the question is about others. */
	if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
		return -errno;
	return unshare(CLONE_NEWUSER) < 0 ? -errno : 0;
}

void check_userns(struct check_answer *a)
{
	int r = check_in_child(try_userns);

	if (r >= 0)
		check_say(a, CHECK_YES, NULL, "ordinary users may make them");
	else
		check_say(a, CHECK_NO, "Look at kernel.unprivileged_userns_clone, "
			  "user.max_user_namespaces and kernel.apparmor_restrict_unprivileged_userns.",
			  "ordinary users may not make them (%s)", strerror(-r));
}

void check_subids(struct check_answer *a)
{
	uint32_t uid_start, uids, gid_start, gids;
	char name[256];

	if (!rootless_user_name(name, sizeof(name)))
		strcpy(name, "you");
	if (geteuid() == 0)
		check_say(a, CHECK_YES, NULL, "root needs none");
	else if (!rootless_find_ids("/etc/subuid", &uid_start, &uids) ||
		 !rootless_find_ids("/etc/subgid", &gid_start, &gids))
		check_say(a, CHECK_PARTLY, "As root: usermod --add-subuids 100000-165535 "
			  "--add-subgids 100000-165535 USER",
			  "none for %s: containers have one user, root", name);
	else
		check_say(a, CHECK_YES, NULL, "%s has %u users from %u, %u groups from %u", name, uids,
			  uid_start, gids, gid_start);
}

/* Set-id, or with the capability that the file grants. */
static bool has_power(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && ((st.st_mode & S_ISUID) ||
					getxattr(path, "security.capability", NULL, 0) > 0);
}

void check_newuidmap(struct check_answer *a)
{
	if (access("/usr/bin/newuidmap", X_OK) < 0 || access("/usr/bin/newgidmap", X_OK) < 0)
		check_say(a, CHECK_PARTLY, "Install the package uidmap: without it an ordinary user's "
			  "containers have one user, root.", "newuidmap is not installed");
	else if (!has_power("/usr/bin/newuidmap") || !has_power("/usr/bin/newgidmap"))
		check_say(a, CHECK_PARTLY, "Reinstall the package uidmap.",
			  "newuidmap is installed without the right to map ids");
	else
		check_say(a, CHECK_YES, NULL, "installed, with the right to map ids");
}

void check_delegation(struct check_answer *a)
{
	cleanup_free char *path = NULL;
	cleanup_buf struct buf controllers = BUF_INIT;
	struct cgroup_layout *layout = NULL;
	cleanup_fd int fd = -1;
	bool writable;

	if (geteuid() == 0) {
		check_say(a, CHECK_YES, NULL, "root needs none");
		return;
	}
	if (cgroup_layout_open(NULL, &layout) < 0 ||
	    cgroup_v2_path_of(layout, getpid(), &path) < 0) {
		cgroup_layout_close(layout);
		check_say(a, CHECK_NO, "Ordinary users have limits with cgroup v2 only.",
			  "no v2 hierarchy: no limits for ordinary users");
		return;
	}
	fd = cgroup_open_at(cgroup_layout_v2_fd(layout), path);
	writable = fd >= 0 && faccessat(fd, "cgroup.subtree_control", W_OK, 0) == 0;
	(void)buf_read_file(&controllers, fd, "cgroup.controllers");
	cgroup_layout_close(layout);
	if (!writable)
		check_say(a, CHECK_NO, "Start from a delegated one: systemd-run --user --scope -p "
			  "Delegate=yes nacre run ...", "your cgroup '%s' is not yours", path);
	else
		check_say(a, CHECK_YES, NULL, "your cgroup '%s' can limit: %.*s", path,
			  (int)strcspn(buf_text(&controllers), "\n"), buf_text(&controllers));
}
