/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/cgroup_discover.h"

#include <errno.h>
#include <libcgroup.h>
#include <stdbool.h>

/* cgroup.h cannot be included beside libcgroup's. */
void cgroup_layout_add(struct cgroup_layout *layout, const char *controller,
		       const char *mountpoint);
bool cgroup_layout_is_complete(const struct cgroup_layout *layout);

int cgroup_discover(struct cgroup_layout *layout)
{
	struct cgroup_mount_point m;
	void *handle = NULL;
	int r;

	if (cgroup_layout_is_complete(layout))
		return 0;
	r = cgroup_init();
	if (r)
		return r == ECGROUPNOTMOUNTED ? -ENOENT : -EIO;

	for (r = cgroup_get_controller_begin(&handle, &m); r == 0;
	     r = cgroup_get_controller_next(&handle, &m))
		cgroup_layout_add(layout, m.name, m.path);
	cgroup_get_controller_end(&handle);
	return r == ECGEOF ? 0 : -EIO;
}
