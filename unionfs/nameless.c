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
