/* SPDX-License-Identifier: Apache-2.0 */
/* procfs/file_kernel.c - slabinfo, pressure, pid_max, threads-max, the machine's UUID */
#include "config.h"
#include "procfs/file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* No cgroup counts its slabs by cache: the two lines of the header alone. */
int file_slabinfo(const struct view *v, struct buf *out)
{
	buf_adds(out,
		 "slabinfo - version: 2.1\n"
		 "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>"
		 " : tunables <limit> <batchcount> <sharedfactor>"
		 " : slabdata <active_slabs> <num_slabs> <sharedavail>\n");
	return buf_error(out);
}

int file_pressure(const struct view *v, struct buf *out)
{
	buf_add(out, buf_text(&v->pressure), v->pressure.length);
	return buf_error(out);
}

int file_pid_max(const struct view *v, struct buf *out)
{
	uint64_t host = strtoull(buf_text(&v->host_text), NULL, 10);

	buf_addf(out, "%" PRIu64 "\n", v->pids_limit < host ? v->pids_limit : host);
	return buf_error(out);
}

int file_product_uuid(const struct view *v, struct buf *out)
{
	buf_addf(out, "%s\n", v->uuid);
	return buf_error(out);
}
