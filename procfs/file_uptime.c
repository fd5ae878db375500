/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/file.h"

#include <inttypes.h>

#include "procfs/clock.h"

static void add_time(struct buf *out, uint64_t ns, char end)
{
	buf_addf(out, "%" PRIu64 ".%02" PRIu64 "%c", ns / NS_PER_S,
		 ns % NS_PER_S / (NS_PER_S / 100), end);
}

/* The second figure is summed over CPUs, as the kernel's is: it may be the larger. */
int file_uptime(const struct view *v, struct buf *out)
{
	add_time(out, v->uptime_ns, ' ');
	add_time(out, v->idle_ns, '\n');
	return buf_error(out);
}
