/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "unionfs/nameless.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/session.h"
#include "unionfs/union.h"

void nameless_hold(struct unionfs *u, struct inode *inode, int take_fd)
{
	int place = u->session ? session_keep_fd(u->session, take_fd) : -ENOENT;

	if (place < 0)
		log_debug("an object without a name is held by the worker alone: %s",
			  strerror(-place));
	inode->fd = take_fd;
	inode->place = place > 0 ? place : 0;
}

/* Also for an inode that goes, whose lock nobody can have. */
void nameless_drop(struct unionfs *u, struct inode *inode) NO_THREAD_SAFETY_ANALYSIS;
void nameless_drop(struct unionfs *u, struct inode *inode)
{
	uint16_t place = inode->place;

	/* First: a place that nobody knows is swept, one known twice is not. */
	inode->place = 0;
	if (place)
		session_drop_fd(u->session, place);
	if (inode->fd >= 0 && !data_unlend(&u->data, inode))
		close(inode->fd);
	inode->fd = -1;
}

static void adopt_one(struct unionfs *u, struct inode *inode, uint8_t *is_used)
{
	int fd = session_kept_fd(u->session, inode->place);

	if (fd >= 0 && !is_used[inode->place])
		inode->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (inode->fd < 0) {
		inode->place = 0;
		return;
	}
	is_used[inode->place] = 1;
}

void nameless_adopt(struct unionfs *u)
{
	struct inode_table *t = &u->inodes;
	uint8_t is_used[SESSION_KEPT_MAX] = { 0 };

	rwlock_write_scope(&t->lock);
	for (uint32_t i = 0; i < t->slot_count; i++) {
		if (inode_is_live(t, i) && inode_at(t, i)->place)
			adopt_one(u, inode_at(t, i), is_used);
	}
	for (int place = 1; place < SESSION_KEPT_MAX; place++) {
		if (!is_used[place] && session_kept_fd(u->session, place) >= 0)
			session_drop_fd(u->session, place);
	}
}

/* ---- what the kernel forgot ---- */

struct doubtful {
	uint32_t slot, generation;
	uint64_t nlookup;
};

struct question {
	struct task task;	/* first */
	struct unionfs *u;
	unsigned count;
	struct doubtful list[];
};

static bool is_doubtful(struct inode_table *t, uint32_t slot)
	REQUIRES_SHARED(t->lock)
{
	const struct inode *inode = inode_at(t, slot);

	return inode_is_live(t, slot) && slot != 0 && inode->place &&
	       !inode_has(inode, INODE_TMPFILE) && !name_live(inode, LAYER_TOP);
}

static bool is_remembered(struct unionfs *u, const struct doubtful *d)
{
	const struct inode *inode = inode_at(&u->inodes, d->slot);
	uint32_t older = inode->older_ids;

	for (uint32_t n = 0; n <= older; n++) {
		uint64_t id = (uint64_t)(d->generation - n) << 32 | (d->slot + 1);

		if (session_is_remembered(u->session, id))
			return true;
	}
	return false;
}

/* Unless its FORGET came after all, or another name of it was found meanwhile. */
static void let_go(struct unionfs *u, const struct doubtful *d)
{
	struct inode_table *t = &u->inodes;
	struct inode *inode = inode_at(t, d->slot);

	rwlock_write_scope(&t->lock);
	if (!is_doubtful(t, d->slot) || inode->generation != d->generation ||
	    inode->nlookup != d->nlookup)
		return;
	inode->nlookup = 0;
	inode_drop_unused(t, inode);
}

/* The kernel may wait for pages that we have to write. */
static void ask(struct task *task)
{
	struct question *q = (struct question *)task;

	for (unsigned n = 0; n < q->count; n++) {
		if (!is_remembered(q->u, &q->list[n]))
			let_go(q->u, &q->list[n]);
	}
	free(q);
}

static struct question *new_question(struct unionfs *u)
{
	struct inode_table *t = &u->inodes;
	struct question *q;
	unsigned count = 0;

	rwlock_read_scope(&t->lock);
	for (uint32_t i = 0; i < t->slot_count; i++)
		count += is_doubtful(t, i);
	q = count ? malloc(sizeof(*q) + count * sizeof(q->list[0])) : NULL;
	if (!q)
		return NULL;
	*q = (struct question){ .task.run = ask, .u = u };
	for (uint32_t i = 0; i < t->slot_count && q->count < count; i++) {
		const struct inode *inode = inode_at(t, i);

		if (is_doubtful(t, i))
			q->list[q->count++] = (struct doubtful){
				i, inode->generation, inode->nlookup,
			};
	}
	return q;
}

void nameless_ask(struct unionfs *u)
{
	struct question *q = new_question(u);

	if (q && pool_submit(u->notifier, &q->task) < 0)
		free(q);
}
