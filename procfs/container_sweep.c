/* SPDX-License-Identifier: Apache-2.0 */
/* procfs/container_sweep.c - end what is gone, close what lies idle */
#include "config.h"

#include <errno.h>

#include "common/cleanup.h"
#include "procfs/clock.h"
#include "procfs/container_impl.h"

#define KEPT_OPEN_NS (60 * NS_PER_S)	/* files of a container nobody reads */

/* Return: true if the container has ended by itself. */
static bool sweep_one(struct container *c, uint64_t now)
{
	bool was_open;

	lock_scope(&c->lock);
	was_open = c->group;
	if (!was_open && container_group_locked(c) == -ENODEV)
		return true;
	if (!c->group)
		return false;
	if (group_is_gone(c->group))
		return true;
	if (!was_open)
		c->group = group_close(c->group);
	else if (now - container_last_read(c) > KEPT_OPEN_NS)
		group_trim(c->group);
	return false;
}

void containers_trim(struct containers *cs)
{
	for (unsigned i = 1; i < CONTAINER_SLOTS; i++) {
		cleanup_container struct container *c = containers_next(cs, i - 1);

		if (!c)
			return;
		i = c->index;
		lock_take(&c->lock);
		c->group = group_close(c->group);
		cleanup_fd_(&c->init_fd);
		c->init_fd = -1;
		lock_drop(&c->lock);
	}
}

void containers_sweep(struct containers *cs)
{
	uint64_t now = clock_now_ns();

	for (unsigned i = 1; i < CONTAINER_SLOTS; i++) {
		cleanup_container struct container *c = containers_next(cs, i - 1);

		if (!c)
			return;
		i = c->index;
		if (sweep_one(c, now))
			containers_end(cs, c);
	}
}
