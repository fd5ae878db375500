/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/file.h"

#include <inttypes.h>

#define SHIFT 11	/* bits after the point, as in the kernel */
#define ONE   (UINT64_C(1) << SHIFT)

int file_loadavg(const struct view *v, struct buf *out)
{
	for (int i = 0; i < 3; i++) {
		uint64_t load = v->load.average[i] + ONE / 200;	/* rounds */

		buf_addf(out, "%" PRIu64 ".%02" PRIu64 " ", load >> SHIFT,
			 (load & (ONE - 1)) * 100 >> SHIFT);
	}
	buf_addf(out, "%u/%u %" PRIu64 "\n", v->load.running, v->load.total,
		 v->load.last_pid);
	return buf_error(out);
}
