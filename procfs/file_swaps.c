/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/file.h"

#include <inttypes.h>

static const char *column_tab(uint64_t kib)
{
	return kib < 10000000 ? "\t" : "";	/* as the kernel lines its columns up */
}

int file_swaps(const struct view *v, struct buf *out)
{
	uint64_t total = v->memory.swap.total_bytes / 1024;
	uint64_t used = total - v->memory.swap.free_bytes / 1024;

	if (v->memory.is_host)
		return file_copy(v, out);

	buf_adds(out, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
	if (total)
		buf_addf(out, "%-40s%s\t%" PRIu64 "\t%s%" PRIu64 "\t%s%d\n", "none",
			 "virtual\t", total, column_tab(total), used, column_tab(used), -2);
	return buf_error(out);
}
