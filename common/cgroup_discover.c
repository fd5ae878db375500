/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/cgroup_discover.h"

#include <errno.h>
#include <libcgroup.h>

int cgroup_discover(void (*found)(void *arg, const char *controller,
				  const char *mountpoint),
		    void *arg)
{
	struct cgroup_mount_point m;
	void *handle = NULL;
	int r = cgroup_init();

	if (r)
		return r == ECGROUPNOTMOUNTED ? -ENOENT : -EIO;

	for (r = cgroup_get_controller_begin(&handle, &m); r == 0;
	     r = cgroup_get_controller_next(&handle, &m))
		found(arg, m.name, m.path);
	cgroup_get_controller_end(&handle);
	return r == ECGEOF ? 0 : -EIO;
}
