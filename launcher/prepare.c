/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/prepare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/mount.h"
#include "launcher/spawn.h"

/*
 * The text of a missing source avoids "no such file": engines read that as
 * "the command was not found".
 */
static int open_source(const struct plan_mount *m, struct fault *f)
{
	cleanup_fd int fd = neg_errno(open(m->source, O_PATH | O_CLOEXEC));
	int tree;

	if (fd == -ENOENT) {
		fault_set(f, 0, "the source '%s' of the mount at '%s' is missing", m->source,
			  m->target);
		return fd;
	}
	if (fd < 0)
		return fault_set(f, fd, "cannot open '%s' to mount it at '%s'", m->source, m->target);
	tree = mount_clone(fd, m->recursive);
	return tree < 0 ? fault_set(f, tree, "cannot bind '%s'", m->source) : tree;
}

/* Maps the ids of a bind: by its own map, or as the container's namespace does. */
static int map_source(const struct plan *p, const struct plan_mount *m, int tree,
		      struct fault *f)
{
	const struct idmap *uids = m->uids.count ? &m->uids : &p->uids;
	const struct idmap *gids = m->gids.count ? &m->gids : &p->gids;
	cleanup_fd int userns = -1;
	int r;

	if (!m->idmapped)
		return 0;
	if (!uids->count || !gids->count)
		return fault_set(f, 0, "the mount at '%s' has no id mappings, nor has the container",
				 m->target);
	userns = spawn_userns(uids, gids, f);
	if (userns < 0)
		return userns;
	r = mount_set_idmap(tree, userns, m->recursive);
	return r < 0 ? fault_set(f, r, "the file system of '%s' cannot map ids", m->source) : 0;
}

static int open_sources(struct child *c, struct fault *f)
{
	const struct plan *p = c->plan;

	c->mount_fds = calloc(p->mount_count + 1, sizeof(*c->mount_fds));
	if (!c->mount_fds)
		return fault_set(f, -ENOMEM, "cannot prepare the mounts");
	for (size_t i = 0; i < p->mount_count; i++)
		c->mount_fds[i] = -1;
	for (size_t i = 0; i < p->mount_count; i++) {
		if (p->mounts[i].kind != MOUNT_KIND_BIND)
			continue;
		if (p->mounts[i].source_in_root && p->mounts[i].idmapped)
			return fault_set(f, -EINVAL, "the mount at '%s' cannot map ids: an earlier "
					 "mount brings its source", p->mounts[i].target);
		if (p->mounts[i].source_in_root)
			continue;
		c->mount_fds[i] = open_source(&p->mounts[i], f);
		if (c->mount_fds[i] < 0)
			return c->mount_fds[i];
		if (map_source(p, &p->mounts[i], c->mount_fds[i], f) < 0)
			return -EINVAL;
	}
	return 0;
}

static int add_cgroup_tree(struct child *c, int dir_fd, const char *name)
{
	struct child_tree *trees = reallocarray(c->cgroups, c->cgroup_count + 1, sizeof(*trees));
	int fd;

	if (!trees)
		return -ENOMEM;
	c->cgroups = trees;
	fd = mount_clone(dir_fd, false);
	if (fd < 0)
		return fd;
	trees[c->cgroup_count++] = (struct child_tree){
		.target = strdup(name), .fd = fd, .directory = true,
	};
	return trees[c->cgroup_count - 1].target ? 0 : -ENOMEM;
}

static bool seen_before(const struct cgroup_group *g, int controller)
{
	for (int i = 0; i < controller; i++)
		if (cgroup_group_fd(g, i) == cgroup_group_fd(g, controller))
			return true;
	return false;
}

/* "cpu,cpuacct" for a hierarchy with both, as hosts name the mounts. */
static void name_of_hierarchy(const struct cgroup_group *g, int first, struct buf *name)
{
	for (int i = first; i < CGROUP_CONTROLLER_COUNT; i++)
		if (cgroup_group_fd(g, i) == cgroup_group_fd(g, first))
			buf_addf(name, "%s%s", name->length ? "," : "",
				 cgroup_controller_name(i, CGROUP_V1));
}

static int open_cgroups(struct child *c, const struct cgroup_group *g,
			const struct cgroup_layout *layout)
{
	int v2_fd = cgroup_group_v2_fd(g);
	bool any_v1 = false;
	int r = 0;

	for (int i = 0; r >= 0 && i < CGROUP_CONTROLLER_COUNT; i++) {
		cleanup_buf struct buf name = BUF_INIT;

		if (cgroup_layout_version(layout, i) != CGROUP_V1 || cgroup_group_fd(g, i) < 0)
			continue;
		any_v1 = true;
		if (seen_before(g, i))
			continue;
		name_of_hierarchy(g, i, &name);
		r = buf_error(&name) ? buf_error(&name)
				     : add_cgroup_tree(c, cgroup_group_fd(g, i), buf_text(&name));
	}
	if (r >= 0 && v2_fd >= 0)
		r = add_cgroup_tree(c, v2_fd, any_v1 ? "unified" : "");
	return r;
}

static bool wants_cgroups(const struct plan *p)
{
	for (size_t i = 0; i < p->mount_count; i++)
		if (p->mounts[i].kind == MOUNT_KIND_CGROUP)
			return true;
	return false;
}

int prepare_child(struct child *c, const struct cgroup_group *group,
		  const struct cgroup_layout *layout, struct fault *f)
{
	int r = open_sources(c, f);

	if (r >= 0 && group && wants_cgroups(c->plan)) {
		r = open_cgroups(c, group, layout);
		if (r < 0)
			return fault_set(f, r, "cannot take the cgroup directories along");
	}
	return r;
}

int prepare_send_fd(const char *socket_name, const char *path, const char *name, int fd,
		    struct fault *f)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { .bytes = { 0 } };
	struct iovec iov = { (char *)name, strlen(name) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.bytes, .msg_controllen = sizeof(control.bytes),
	};
	cleanup_fd int s = neg_errno(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	if (strlen(path) >= sizeof(address.sun_path))
		return fault_set(f, -ENAMETOOLONG, "the path of the %s '%s' is too long", socket_name,
				 path);
	strcpy(address.sun_path, path);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));

	if (s < 0 || connect(s, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    sendmsg(s, &msg, MSG_NOSIGNAL) < 0)
		return fault_set(f, s < 0 ? s : -errno, "cannot reach the %s '%s'", socket_name,
				 path);
	return 0;
}

int prepare_send_terminal(const char *path, int fd, struct fault *f)
{
	return prepare_send_fd("console socket", path, "/dev/pts/0", fd, f);
}
