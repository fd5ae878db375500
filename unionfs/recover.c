/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How it works. Each change that was begun (intent.h) left one of a few pictures on the
 * disk, for what can be seen of it appears in one step: before that step it is undone,
 * after it completed. Then the tables are made to say what the disk says. All of it
 * may be interrupted and begun again.
 */
#include "config.h"

#include "unionfs/recover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/errors.h"
#include "common/log.h"
#include "unionfs/change.h"
#include "unionfs/dir.h"
#include "unionfs/dir_record.h"
#include "unionfs/index.h"
#include "unionfs/marks.h"
#include "unionfs/nameless.h"
#include "unionfs/union.h"
#include "unionfs/where.h"

enum there {
	NOTHING,
	WHITEOUT,
	OBJECT,
};

enum outcome {
	UNDONE,
	COMPLETED,
};

struct settling {
	struct unionfs *u;
	struct intent *i;
	struct dirfd_ref ref[2];	/* upper parts of .dir[] */
	enum there there[2];
	struct statx stx[2];
	uint64_t made;			/* node id */
};

static bool uses_aufs(const struct settling *s)
{
	return workdir_options(s->u->work)->aufs_whiteouts;
}

static int fd_of(const struct settling *s, unsigned n)
{
	return s->ref[n].d->fd;
}

static struct inode *inode_of(const struct settling *s, unsigned n)
{
	struct inode_table *t = &s->u->inodes;

	return inode_is_live(t, s->i->inode[n]) ? inode_at(t, s->i->inode[n]) : NULL;
}

static struct inode *dir_of(const struct settling *s, unsigned n)
{
	struct inode_table *t = &s->u->inodes;
	struct inode *dir = NULL;

	if (inode_is_live(t, s->i->dir[n]))
		dir = inode_at(t, s->i->dir[n]);
	return dir && inode_is_dir(dir) ? dir : NULL;
}

/* What the upper has at one of the names; false if that cannot be known. */
static bool look(struct settling *s, unsigned n)
{
	struct inode *dir = dir_of(s, n);
	const char *name = s->i->name[n];
	int r;

	s->i->name[n][NAME_MAX] = '\0';
	s->ref[n] = (struct dirfd_ref){ &s->u->fds, NULL };
	if (!dir || !*name || strchr(name, '/') ||
	    fdcache_get(s->u, dir, LAYER_TOP, &s->ref[n].d) < 0)
		return false;
	r = stat_at(fd_of(s, n), name, &s->stx[n]);
	if (r >= 0)
		s->there[n] = is_whiteout_device(&s->stx[n]) ? WHITEOUT : OBJECT;
	else if (r == -ENOENT)
		s->there[n] = uses_aufs(s) && aufs_hides(s->u->ns, fd_of(s, n),
							 name) > 0 ?
				      WHITEOUT : NOTHING;
	return r >= 0 || r == -ENOENT;
}

/* ---- the tables ---- */

static void drop_if_lost(struct inode_table *t, struct inode *inode)
	REQUIRES(t->lock)
{
	if (inode->slot != 0 && !inode->names && !inode->place)
		inode->nlookup = 0;
	inode_drop_unused(t, inode);
}

/* No inode has this name any more, but for @except. */
static void forget_name(struct settling *s, unsigned n, const struct inode *except)
{
	struct inode_table *t = &s->u->inodes;
	struct name *name;

	rwlock_write_scope(&t->lock);
	while ((name = name_find_other(t, s->i->dir[n], s->i->name[n], except))) {
		struct inode *inode = inode_at(t, name->inode);

		name_remove(t, name);
		drop_if_lost(t, inode);
	}
}

static struct name *find_name(struct settling *s, unsigned n, const struct inode *inode)
{
	struct name *name;

	for (name = inode->names; name; name = name->inode_next) {
		if (name->parent == s->i->dir[n] && !name->is_gone &&
		    strcmp(name->text, s->i->name[n]) == 0)
			return name;
	}
	return NULL;
}

/* The inode, and it alone, has this name, in the upper. */
static void give_name(struct settling *s, unsigned n, struct inode *inode)
{
	struct inode_table *t = &s->u->inodes;
	struct name *name;

	forget_name(s, n, inode);
	rwlock_write_scope(&t->lock);
	name = find_name(s, n, inode);
	if (name)
		name->layer = LAYER_TOP;
	else if (!name_add(t, dir_of(s, n), s->i->name[n], inode, LAYER_TOP))
		log_warn("out of memory: a file is stale from now on");
}

/* The operation had counted what it worked on. */
static void uncount(struct settling *s)
{
	bool was_counted = s->i->flags & INTENT_COUNTED;

	/* First: to count too much wastes a slot, to count too little harms. */
	s->i->flags &= ~INTENT_COUNTED;
	for (unsigned n = 0; was_counted && n < 2; n++) {
		struct inode *inode = inode_of(s, n);

		if (inode && inode->nlookup > 0)
			inode->nlookup--;
	}
}

static void has_gone(struct settling *s, struct inode *inode)
{
	if (inode_is_dir(inode)) {
		inode->dir->is_removed = true;
		dir_save(&s->u->inodes, inode);
		return;
	}
	lock_scope(&inode->lock);
	change_drop_index(s->u, inode);
}

/* What was held because it would lose its name has not lost it. */
static void release_kept(struct settling *s, struct inode *inode)
{
	if (inode && s->i->flags & INTENT_KEPT)
		nameless_drop(s->u, inode);
}

/* ---- each operation ---- */

/* Away with it, whatever it is: the work directory is swept afterwards. */
static void remove_made(struct settling *s)
{
	char temp[TEMP_NAME_SIZE];

	workdir_temp_name(s->u->work, temp);
	(void)renameat(fd_of(s, 0), s->i->name[0], workdir_fd(s->u->work), temp);
}

/*
 * Over a whiteout it appeared complete; elsewhere it is made in its place, and owner
 * or marks may be missing. Nobody has seen it: the kernel has no answer yet.
 */
static enum outcome settle_create(struct settling *s)
{
	bool over = s->i->flags & INTENT_OVER_WHITEOUT;
	struct name *name;

	if (!look(s, 0))
		return UNDONE;
	if (s->there[0] == OBJECT && (over || (S_ISREG(s->stx[0].stx_mode) &&
					       s->stx[0].stx_size > 0))) {
		if (over && uses_aufs(s))
			(void)whiteout_clear(s->u->work, fd_of(s, 0), s->i->name[0]);
		rwlock_read_scope(&s->u->inodes.lock);
		name = name_find(&s->u->inodes, s->i->dir[0], s->i->name[0]);
		if (name)
			s->made = inode_node_id(inode_at(&s->u->inodes, name->inode));
		return COMPLETED;
	}
	if (s->there[0] == OBJECT)
		remove_made(s);
	else if (s->there[0] == NOTHING && over)
		(void)whiteout_make(s->u->work, fd_of(s, 0), s->i->name[0]);
	forget_name(s, 0, NULL);
	return UNDONE;
}

static enum outcome settle_link(struct settling *s)
{
	bool over = s->i->flags & INTENT_OVER_WHITEOUT;
	struct inode *inode = inode_of(s, 0);

	if (!look(s, 0) || !inode)
		return UNDONE;
	if (s->there[0] == OBJECT) {
		if (over && uses_aufs(s))
			(void)whiteout_clear(s->u->work, fd_of(s, 0), s->i->name[0]);
		(void)aufs_set_literal(s->u->ns, fd_of(s, 0), s->i->name[0]);
		give_name(s, 0, inode);
		return COMPLETED;
	}
	if (s->there[0] == NOTHING && over)
		(void)whiteout_make(s->u->work, fd_of(s, 0), s->i->name[0]);
	forget_name(s, 0, NULL);
	return UNDONE;
}

/* With AUFS marks the whiteout comes first, and then goes the object. */
static void finish_removal(struct settling *s)
{
	if (s->there[0] == OBJECT && uses_aufs(s) &&
	    s->i->flags & INTENT_LEAVES_WHITEOUT &&
	    aufs_hides(s->u->ns, fd_of(s, 0), s->i->name[0]) > 0) {
		remove_made(s);
		s->there[0] = WHITEOUT;
	}
}

static enum outcome settle_remove(struct settling *s)
{
	enum there wanted = s->i->flags & INTENT_LEAVES_WHITEOUT ? WHITEOUT : NOTHING;
	struct inode *inode = inode_of(s, 0);
	bool known = look(s, 0);
	struct name *name;

	uncount(s);
	if (!known || !inode)
		return UNDONE;
	finish_removal(s);
	if (s->there[0] != wanted) {
		release_kept(s, inode);
		return UNDONE;
	}
	has_gone(s, inode);
	rwlock_write_scope(&s->u->inodes.lock);
	name = find_name(s, 0, inode);
	if (name)
		name_remove(&s->u->inodes, name);
	drop_if_lost(&s->u->inodes, inode);
	return COMPLETED;
}

/* The source's place, after the move: a whiteout or nothing. */
static void finish_source(struct settling *s)
{
	if (s->i->flags & INTENT_EXCHANGE)
		return;
	if (s->i->flags & INTENT_LEAVES_WHITEOUT && s->there[0] == NOTHING)
		(void)whiteout_make(s->u->work, fd_of(s, 0), s->i->name[0]);
	else if (!(s->i->flags & INTENT_LEAVES_WHITEOUT) && s->there[0] == WHITEOUT)
		(void)whiteout_clear(s->u->work, fd_of(s, 0), s->i->name[0]);
	if (uses_aufs(s) && s->i->flags & INTENT_OVER_WHITEOUT)
		(void)whiteout_clear(s->u->work, fd_of(s, 1), s->i->name[1]);
	(void)aufs_set_literal(s->u->ns, fd_of(s, 1), s->i->name[1]);
}

static void undo_rename(struct settling *s, struct inode *from, struct inode *to)
{
	struct inode_table *t = &s->u->inodes;
	struct name *name = from ? find_name(s, 1, from) : NULL;

	if (!(s->i->flags & INTENT_EXCHANGE))
		release_kept(s, to);
	rwlock_write_scope(&t->lock);
	if (name)
		name_remove(t, name);
	name = to && s->i->flags & INTENT_EXCHANGE ? find_name(s, 0, to) : NULL;
	if (name)
		name_remove(t, name);
}

static enum outcome settle_rename(struct settling *s)
{
	struct inode *from = inode_of(s, 0), *to = inode_of(s, 1);
	bool known = look(s, 0) && look(s, 1);
	struct inode_table *t = &s->u->inodes;

	uncount(s);
	if (!known || !from || s->there[1] != OBJECT ||
	    s->stx[1].stx_ino != s->i->ino) {
		undo_rename(s, from, to);
		return UNDONE;
	}
	finish_source(s);
	rwlock_take_write(&t->lock);
	inode_hold(t, from);
	if (to)
		inode_hold(t, to);
	rwlock_drop_write(&t->lock);
	give_name(s, 1, from);
	if (to && s->i->flags & INTENT_EXCHANGE)
		give_name(s, 0, to);
	else
		forget_name(s, 0, NULL);
	if (to && !(s->i->flags & INTENT_EXCHANGE))
		has_gone(s, to);
	rwlock_write_scope(&t->lock);
	inode_put_locked(t, from);
	if (to) {
		to->refs--;
		drop_if_lost(t, to);
	}
	return COMPLETED;
}

static enum outcome settle_xattr(struct settling *s)
{
	cleanup_where struct where w = WHERE_INIT;
	struct inode *inode = inode_of(s, 0);
	bool is_there;

	s->i->name[0][NAME_MAX] = '\0';
	if (!inode)
		return UNDONE;
	lock_scope(&inode->lock);
	if (where_find(s->u, inode, &w) < 0)
		return UNDONE;
	is_there = xattr_get_at(w.dir_fd, w.name, s->i->name[0], NULL, 0) >= 0;
	return is_there == !(s->i->flags & INTENT_REMOVES) ? COMPLETED : UNDONE;
}

static void put_times(const struct settling *s)
{
	const struct timespec times[2] = {
		{ s->i->times[0], s->i->times[1] },
		{ s->i->times[2], s->i->times[3] },
	};

	(void)utimensat(fd_of(s, 0), "", times, AT_EMPTY_PATH);
}

static void drop_index_entry(struct settling *s, struct inode *inode)
{
	struct origin origin;

	lock_scope(&inode->lock);
	if (s->i->flags & INTENT_INDEXED && where_origin(s->u, inode, &origin) >= 0)
		(void)index_remove(s->u->work, &origin);
}

/* The inode is the upper object from now on. */
static void turn_upper(struct settling *s, struct inode *inode)
{
	struct inode_key key, lower = { s->i->key_ino, s->i->key_dev };
	struct inode_table *t = &s->u->inodes;

	lock_scope(&inode->lock);
	inode->layer = LAYER_TOP;
	inode->flags &= ~(INODE_METACOPY | INODE_DATA_HERE | INODE_NO_XATTRS |
			  INODE_NO_CAPS);
	rwlock_write_scope(&t->lock);
	if (union_key(s->u, &s->stx[0], &key) >= 0)
		inode_hash(t, inode, key);
	if (s->i->flags & INTENT_INDEXED) {
		inode->flags |= INODE_INDEXED;
		inode_alias(t, inode, lower);
		workdir_set_index_used(s->u->work);
	}
	if (inode_is_dir(inode) && !dir_has_upper(inode->dir))
		(void)dir_add_upper(t, inode);
}

static void turn_impure(struct settling *s)
{
	dir_of(s, 0)->dir->is_impure = true;
	dir_save(&s->u->inodes, dir_of(s, 0));
}

static enum outcome settle_up(struct settling *s)
{
	struct inode *inode = inode_of(s, 0);

	if (!look(s, 0) || !inode)
		return UNDONE;
	if (s->there[0] != OBJECT) {
		drop_index_entry(s, inode);
		if (inode_is_dir(inode) && dir_has_upper(inode->dir)) {
			fdcache_forget(&s->u->fds, inode->slot);
			lock_take(&inode->lock);
			dir_drop_upper(s->u, inode);
			lock_drop(&inode->lock);
		}
		return UNDONE;
	}
	put_times(s);
	turn_impure(s);
	give_name(s, 0, inode);
	turn_upper(s, inode);
	return COMPLETED;
}

static enum outcome settle_up_link(struct settling *s)
{
	cleanup_where struct where w = WHERE_INIT;
	struct inode *inode = inode_of(s, 0);
	struct statx stx;

	if (!look(s, 0) || !inode)
		return UNDONE;
	if (s->there[0] == OBJECT) {
		put_times(s);
		if (inode_has(inode, INODE_INDEXED))
			turn_impure(s);
		give_name(s, 0, inode);
	}
	if (!inode_has(inode, INODE_INDEXED))
		return UNDONE;
	/* The number to show must not have changed. */
	lock_scope(&inode->lock);
	if (where_find(s->u, inode, &w) >= 0 &&
	    stat_at(w.dir_fd, w.name, &stx) >= 0)
		(void)index_nlink_set(s->u->ns, w.dir_fd, w.name, s->i->nlink,
				      stx.stx_nlink);
	return UNDONE;
}

/* Its object had no name and went with the worker. */
static enum outcome settle_tmpfile(struct settling *s)
{
	return UNDONE;
}

static enum outcome (*const settlers[])(struct settling *s) = {
	[INTENT_CREATE] = settle_create,
	[INTENT_LINK] = settle_link,
	[INTENT_REMOVE] = settle_remove,
	[INTENT_RENAME] = settle_rename,
	[INTENT_TMPFILE] = settle_tmpfile,
	[INTENT_XATTR] = settle_xattr,
	[INTENT_UP] = settle_up,
	[INTENT_UP_LINK] = settle_up_link,
};

static void settle(struct unionfs *u, struct intent *i)
{
	struct settling s = { .u = u, .i = i };
	enum outcome outcome = COMPLETED;

	if (i->phase == INTENT_BEGUN &&
	    i->op < sizeof(settlers) / sizeof(settlers[0])) {
		outcome = settlers[i->op](&s);
		log_debug("operation %u on '%s' was %s", i->op, i->name[0],
			  outcome == COMPLETED ? "completed" : "undone");
		cleanup_dirfd_(&s.ref[0]);
		cleanup_dirfd_(&s.ref[1]);
	} else {
		s.made = i->node_id;
	}
	if (i->phase != INTENT_NONE && outcome == COMPLETED)
		intent_remember(u, i->unique, s.made);
	intent_drop(i);
}

/* Copying up came before what it was for, and has to be settled first. */
void recover(struct unionfs *u)
{
	struct intent_thread *threads = u->state->intents.threads;

	workdir_look_at_index(u->work);

	for (unsigned n = 0; n < INTENT_THREADS; n++)
		settle(u, &threads[n].up);
	for (unsigned n = 0; n < INTENT_THREADS; n++) {
		settle(u, &threads[n].asked);
		threads[n].is_taken = 0;
	}
	workdir_sweep(u->work);
}
