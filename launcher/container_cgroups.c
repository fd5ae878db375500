/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/container_process.h"

#include <errno.h>
#include <string.h>

#include "common/log.h"
#include "launcher/limits_apply.h"

/* An ordinary user may make it nowhere. */
static bool is_empty_group(const struct cgroup_group *g)
{
	for (int i = 0; i < CGROUP_CONTROLLER_COUNT; i++)
		if (cgroup_group_fd(g, i) >= 0)
			return false;
	return cgroup_group_v2_fd(g) < 0;
}

/* Without the words for @r: what a program sees of them says little to a person. */
static int explain_no_layout(int r, struct fault *f)
{
	if (r == -ENOENT)
		fault_set(f, 0, "no cgroup hierarchy is mounted here\n"
			  "Mount one (mount -t cgroup2 none /sys/fs/cgroup), or bind the host's "
			  "/sys/fs/cgroup.");
	else
		fault_set(f, r, "cannot read the cgroup hierarchies that are mounted\n"
			  "Look at: grep cgroup /proc/self/mountinfo");
	return r;
}

int container_make_cgroups(struct container *c, struct fault *f)
{
	const struct plan *p = c->plan;
	unsigned wanted = limits_controllers(&p->limits);
	int r;

	if (!p->cgroup_path)
		return 0;
	r = cgroup_layout_open(NULL, &c->layout);
	if (r < 0)
		return explain_no_layout(r, f);
	r = cgroup_group_create(c->layout, p->cgroup_path, wanted, &c->group);
	if (r == -EEXIST)
		r = cgroup_group_open(c->layout, p->cgroup_path, &c->group);
	if (limits_are_unset(&p->limits) && !p->views && (r < 0 || is_empty_group(c->group))) {
		c->group = cgroup_group_close(c->group);
		c->layout = cgroup_layout_close(c->layout);
		/* Nothing is limited: an ordinary user may go without. */
		container_set_text(&c->state->cgroup_path, NULL);
		return state_save(&c->dir, c->state, f);
	}
	if (r < 0) {
		c->layout = cgroup_layout_close(c->layout);
		return fault_set(f, r, "cannot make the cgroup '%s'\n"
				 "Limits need root, or a cgroup that was delegated to you: see "
				 "nacre check.", p->cgroup_path);
	}
	c->state->cgroup_levels = cgroup_group_levels(c->group);
	return state_save(&c->dir, c->state, f);
}

void container_remove_cgroups(struct container *c)
{
	int r = c->group ? cgroup_group_remove(c->group, c->supervised ? 2 : 0) : 0;

	if (r < 0)
		log_warn("cannot remove the cgroup '%s': %s", c->plan->cgroup_path, strerror(-r));
	c->group = cgroup_group_close(c->group);
	c->layout = cgroup_layout_close(c->layout);
}

int container_set_limits(struct container *c, struct fault *f)
{
	int r;

	if (!c->group)
		return 0;
	/* Of somebody before us: what joins it stands still, and we with it. */
	if (cgroup_group_is_frozen(c->group) > 0)
		return fault_set(f, 0, "the cgroup '%s' is frozen\nThaw or remove it, or name "
				 "another.", c->plan->cgroup_path);
	/* Two that choose at once would choose the same CPUs. */
	if (c->plan->limits.cpu_count)
		(void)state_lock_root(&c->dir, true);
	r = limits_choose_cpus(&c->plan->limits, c->group, f);
	if (r >= 0)
		r = limits_apply(&c->plan->limits, c->layout, c->group, f);
	if (c->plan->limits.cpu_count)
		(void)state_lock_root(&c->dir, false);
	if (r < 0)
		return r;

	r = cgroup_group_prepare_join(c->group);
	return r < 0 ? fault_set(f, r, "cannot join the cgroup '%s'", c->plan->cgroup_path) : 0;
}
