/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How it works. A node id is the container's slot and generation and the number
 * of the path below it; slot 0 is the automatic view, whose container depends on
 * who asks. So nothing is kept per node, there is nothing to forget, and an id
 * means the same to every worker. A handle is the container it was opened for
 * and a serial number.
 */
#include "config.h"
#include "procfs/ops.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "procfs/clock.h"
#include "procfs/ops_impl.h"
#include "procfs/tree.h"
#include "procfs/trigger.h"

#define LASTING_S 3600.0	/* what only an unmount can change */
#define CHANGING_S 0.0		/* what the next look may see differently */

#define CONTAINERS "containers"

static fuse_ino_t node_id(unsigned slot, unsigned generation, uint32_t path)
{
	return (fuse_ino_t)generation << 48 | (fuse_ino_t)slot << 32 | path;
}

int node_from_id(struct service *s, fuse_ino_t ino, struct node *node)
{
	node->generation = ino >> 48;
	node->slot = ino >> 32 & 0xffff;
	node->path = (uint32_t)ino;
	return paths_text(s->paths, node->path, node->text, sizeof(node->text));
}

/* The automatic view's own directories, which no container has. */
static bool is_containers(const struct node *node)
{
	return node->slot == 0 && strcmp(node->text, CONTAINERS) == 0;
}

static int find_caller(fuse_req_t req, struct service *s, struct container **ret)
{
	int r = identity_of(s->identity, fuse_req_ctx(req)->pid, ret);

	stats_count(&s->state->stats.identity_lookups);
	if (r < 0)
		stats_count(&s->state->stats.identity_failures);
	return r;
}

/* The container that a node shows; -ESTALE for one that has ended. */
static int node_container(fuse_req_t req, struct service *s, const struct node *node,
			  struct container **ret)
{
	if (node->slot == 0)
		return find_caller(req, s, ret);
	*ret = containers_get(s->containers, node->slot, node->generation);
	return *ret ? 0 : -ESTALE;
}

/* See sizes.h. Who looks may matter where it was ever more than one page. */
static uint64_t node_size(fuse_req_t req, struct service *s, fuse_ino_t ino,
			  const struct node *node)
{
	cleanup_container struct container *c = NULL;
	cleanup_buf struct buf text = BUF_INIT;
	uint64_t known = sizes_get(s->sizes, ino);

	if (table_is_mirrored(node->text) || known == SIZES_PAGE ||
	    (known && node->slot != 0))
		return known ? known : SIZES_PAGE;
	if (node_container(req, s, node, &c) < 0 ||
	    tree_render(s->world.host, c, node->text, &text) < 0)
		return SIZES_PAGE;
	sizes_set(s->sizes, ino, text.length);
	return sizes_get(s->sizes, ino);
}

static void fill_stat(struct service *s, fuse_ino_t ino, struct stat *st)
{
	st->st_ino = ino;
	st->st_uid = 0;
	st->st_gid = 0;
	st->st_size = 0;
	st->st_blksize = SIZES_PAGE;
	st->st_blocks = 0;
	st->st_atim = st->st_mtim = st->st_ctim =
		(struct timespec){ .tv_sec = (time_t)s->state->began_s };
}

/* Returns for how long the attributes are valid, seconds. */
static double fill_size(fuse_req_t req, struct service *s, fuse_ino_t ino,
			const struct node *node, struct stat *st, bool changes)
{
	if (S_ISREG(st->st_mode))
		st->st_size = (off_t)node_size(req, s, ino, node);
	return changes || st->st_size > SIZES_PAGE ? CHANGING_S : LASTING_S;
}

static int stat_node(fuse_req_t req, struct service *s, const struct node *node,
		     struct stat *st, bool *changes)
{
	cleanup_container struct container *c = NULL;
	int r;

	*changes = false;
	if (is_containers(node)) {
		/* To be passed through, not to be read: who is there is root's to know. */
		*st = (struct stat){ .st_mode = S_IFDIR | 0711, .st_nlink = 2 };
		return 0;
	}
	/* Most of the automatic view is there for everybody. */
	r = node->slot == 0 && !tree_depends(node->text)
		    ? 0 : node_container(req, s, node, &c);
	if (r >= 0)
		r = tree_stat(s->world.host, c, node->text, st, changes);
	if (r >= 0 && s->triggers && triggers_has(node->text))
		st->st_mode |= 0222;	/* as the kernel's own */
	return r;
}

void reply_error(fuse_req_t req, int r)
{
	struct service *s = fuse_req_userdata(req);

	stats_count(&s->state->stats.errors);
	fuse_reply_err(req, -r);
}

static void reply_node(fuse_req_t req, struct service *s, const struct node *node)
{
	struct fuse_entry_param e = { .ino = node_id(node->slot, node->generation,
						     node->path) };
	bool changes = true;
	int r = stat_node(req, s, node, &e.attr, &changes);

	if (r < 0) {
		reply_error(req, r == -ENODEV ? -ENOENT : r);
		return;
	}
	fill_stat(s, e.ino, &e.attr);
	/* A container that ends makes its files answer ESTALE; nothing moves. */
	e.entry_timeout = changes ? CHANGING_S : LASTING_S;
	e.attr_timeout = fill_size(req, s, e.ino, node, &e.attr, changes);
	fuse_reply_entry(req, &e);
}

/* One registered container must not look into another, even if it is given the
 * whole mount. */
static bool may_see(fuse_req_t req, struct service *s, const struct container *c)
{
	cleanup_container struct container *caller =
		identity_registered(s->identity, fuse_req_ctx(req)->pid);

	return !caller || caller == c;
}

static void lookup_container(fuse_req_t req, struct service *s, const char *id)
{
	cleanup_container struct container *c = containers_find(s->containers, id);
	struct fuse_entry_param e = { .entry_timeout = CHANGING_S, .attr_timeout = CHANGING_S };

	if (!c || !may_see(req, s, c)) {
		reply_error(req, -ENOENT);
		return;
	}
	e.ino = node_id(container_slot(c), container_generation(c), PATHS_ROOT);
	e.attr = (struct stat){ .st_mode = S_IFDIR | 0555, .st_nlink = 4 };
	fill_stat(s, e.ino, &e.attr);
	fuse_reply_entry(req, &e);
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct service *s = fuse_req_userdata(req);
	struct node node, child;
	size_t length;
	int r = node_from_id(s, parent, &node);

	if (r < 0) {
		reply_error(req, r);
		return;
	}
	if (is_containers(&node)) {
		lookup_container(req, s, name);
		return;
	}

	child = node;
	length = strlen(child.text);
	snprintf(child.text + length, sizeof(child.text) - length, "%s%s",
		 length ? "/" : "", name);
	child.path = paths_find(s->paths, node.path, name);
	if (!child.path) {
		struct stat st;
		bool changes;

		/* Only what exists gets a number: names cannot fill the table. */
		r = stat_node(req, s, &child, &st, &changes);
		if (r >= 0)
			child.path = paths_child(s->paths, node.path, name);
		if (r >= 0 && !child.path)
			r = -ENFILE;
		if (r < 0) {
			reply_error(req, r == -ENODEV ? -ENOENT : r);
			return;
		}
	}
	reply_node(req, s, &child);
}

void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct service *s = fuse_req_userdata(req);
	struct node node;
	struct stat st;
	bool changes;
	int r = node_from_id(s, ino, &node);

	if (r >= 0)
		r = stat_node(req, s, &node, &st, &changes);
	if (r < 0) {
		reply_error(req, r);
		return;
	}
	fill_stat(s, ino, &st);
	fuse_reply_attr(req, &st, fill_size(req, s, ino, &node, &st, changes));
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct service *s = fuse_req_userdata(req);
	cleanup_container struct container *c = NULL;
	char target[PATH_MAX];
	struct node node;
	ssize_t n = node_from_id(s, ino, &node);

	if (n >= 0)
		n = node_container(req, s, &node, &c);
	if (n >= 0)
		n = tree_readlink(s->world.host, c, node.text, target, sizeof(target) - 1);
	if (n < 0) {
		reply_error(req, (int)n);
		return;
	}
	target[n] = '\0';
	fuse_reply_readlink(req, target);
}

/* A listing into the buffer of one READDIR, from the @skip-th name on. */
struct listing {
	fuse_req_t req;
	char *data;
	size_t size, used;
	off_t skip, at;
};

static int add_name(void *context, const char *name, mode_t mode)
{
	struct listing *l = context;
	struct stat st = { .st_mode = mode, .st_ino = 1 };
	size_t n;

	if (l->at++ < l->skip)
		return 0;
	n = fuse_add_direntry(l->req, l->data + l->used, l->size - l->used, name, &st, l->at);
	if (n > l->size - l->used)
		return 1;
	l->used += n;
	return 0;
}

static int list_containers(struct service *s, struct listing *l)
{
	struct container *c = containers_next(s->containers, 0);
	bool full = false;

	while (c) {
		unsigned slot = container_slot(c);

		if (!full && container_kind(c) == CONTAINER_REGISTERED)
			full = add_name(l, container_id(c), S_IFDIR);
		container_put(c);
		c = containers_next(s->containers, slot);
	}
	return 0;
}

static int list_node(fuse_req_t req, struct service *s, const struct node *node,
		     struct listing *l)
{
	cleanup_container struct container *c = NULL;
	int r;

	if (add_name(l, ".", S_IFDIR) || add_name(l, "..", S_IFDIR))
		return 0;
	if (is_containers(node))
		return list_containers(s, l);
	if (node->slot == 0 && !*node->text && add_name(l, CONTAINERS, S_IFDIR))
		return 0;
	r = node_container(req, s, node, &c);
	return r < 0 ? r : tree_list(s->world.host, c, node->text, add_name, l);
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
		       struct fuse_file_info *fi)
{
	struct service *s = fuse_req_userdata(req);
	cleanup_free char *data = malloc(size);
	struct listing l = { .req = req, .data = data, .size = size, .skip = offset };
	struct node node;
	int r = data ? node_from_id(s, ino, &node) : -ENOMEM;

	if (r >= 0)
		r = list_node(req, s, &node, &l);
	if (r < 0)
		reply_error(req, r);
	else
		fuse_reply_buf(req, data, l.used);
}

static uint64_t new_handle(struct service *s, const struct container *c)
{
	uint32_t serial = (uint32_t)__atomic_add_fetch(&s->state->next_handle, 1,
						       __ATOMIC_RELAXED);

	return (uint64_t)container_generation(c) << 48 |
	       (uint64_t)container_slot(c) << 32 | serial;
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct service *s = fuse_req_userdata(req);
	cleanup_container struct container *c = NULL;
	struct node node;
	int r = node_from_id(s, ino, &node);

	stats_count(&s->state->stats.opens);
	if (r >= 0 && (fi->flags & O_ACCMODE) != O_RDONLY &&
	    !(s->triggers && triggers_has(node.text)))
		r = -EACCES;
	if (r >= 0)
		r = node_container(req, s, &node, &c);
	if (r < 0) {
		reply_error(req, r);
		return;
	}
	fi->fh = new_handle(s, c);
	fi->direct_io = 1;	/* no size is known before it is read */
	fi->noflush = 1;	/* or close() would wait for a worker */
	fuse_reply_open(req, fi);
}

/*
 * The container that a handle was opened for. One of the automatic view may
 * have lost its slot to another since: then who reads decides again.
 */
int handle_container(fuse_req_t req, struct service *s, const struct node *node,
			    uint64_t handle, struct container **ret)
{
	*ret = containers_get(s->containers, handle >> 32 & 0xffff, handle >> 48);
	if (*ret)
		return 0;
	return node->slot == 0 ? find_caller(req, s, ret) : -ENODEV;
}

/*
 * A cgroup that the automatic view knew is gone, another one may have its path:
 * look again, once.
 */
static int render_again(fuse_req_t req, struct service *s, const struct node *node,
			struct container *gone, struct buf *text)
{
	cleanup_container struct container *c = NULL;
	int r;

	containers_end(s->containers, gone);
	r = find_caller(req, s, &c);
	return r < 0 ? r : tree_render(s->world.host, c, node->text, text);
}

static int render(fuse_req_t req, struct service *s, fuse_ino_t ino, uint64_t handle)
{
	cleanup_container struct container *c = NULL;
	cleanup_buf struct buf text = BUF_INIT;
	uint64_t began = clock_now_ns();
	struct node node;
	int r = node_from_id(s, ino, &node);

	if (r >= 0)
		r = handle_container(req, s, &node, handle, &c);
	if (r >= 0)
		r = tree_render(s->world.host, c, node.text, &text);
	if (r == -ENODEV && c && node.slot == 0)
		r = render_again(req, s, &node, c, &text);
	if (r < 0)
		return r;
	stats_rendered(&s->state->stats, clock_now_ns() - began);
	if (sizes_set(s->sizes, ino, text.length))
		(void)fuse_lowlevel_notify_inval_inode(session_fuse(s->session), ino, -1, 0);
	return snapshots_put(s->snapshots, handle, &text);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
		    struct fuse_file_info *fi)
{
	struct service *s = fuse_req_userdata(req);
	cleanup_buf struct buf part = BUF_INIT;
	int r = 0;

	stats_count(&s->state->stats.reads);
	/*
	 * Without a lock owner it is the page cache that reads, for sendfile(2)
	 * or mmap(2). Its pages would be shown to whoever comes next, who may be
	 * another container. Programs then fall back to read(2).
	 */
	if (fi->lock_owner == 0)
		r = -EINVAL;
	else if (offset == 0)
		r = render(req, s, ino, fi->fh);
	if (r >= 0 && !snapshots_get(s->snapshots, fi->fh, (size_t)offset, size, &part)) {
		/* Begun with another worker, or read from the middle. */
		r = render(req, s, ino, fi->fh);
		if (r >= 0)
			(void)snapshots_get(s->snapshots, fi->fh, (size_t)offset, size, &part);
	}
	if (r >= 0)
		r = buf_error(&part);
	if (r < 0)
		reply_error(req, r);
	else
		fuse_reply_buf(req, part.data, part.length);
}

static void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct service *s = fuse_req_userdata(req);

	snapshots_drop(s->snapshots, fi->fh);
	if (s->triggers)
		triggers_drop(s->triggers, fi->fh);
	fuse_reply_err(req, 0);
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	const struct statvfs st = { .f_bsize = 4096, .f_frsize = 4096, .f_namemax = 255 };

	fuse_reply_statfs(req, &st);
}

#define OPS_ALWAYS			\
	.lookup = op_lookup,		\
	.getattr = op_getattr,		\
	.readlink = op_readlink,	\
	.readdir = op_readdir,		\
	.open = op_open,		\
	.read = op_read,		\
	.release = op_release,		\
	.statfs = op_statfs

const struct fuse_lowlevel_ops procfs_ops = { OPS_ALWAYS };

/* No poll otherwise: a reader that is frozen in one, or a machine that is to sleep,
 * would wait for us. */
const struct fuse_lowlevel_ops procfs_ops_triggers = {
	OPS_ALWAYS,
	.setattr = op_setattr,
	.write = op_write,
	.poll = op_poll,
};
