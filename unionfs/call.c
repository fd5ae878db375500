/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "unionfs/call.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "unionfs/union.h"

bool call_has_capability(const struct call *call, unsigned capability)
{
	static const char field[] = "CapEff:";
	cleanup_buf struct buf status = BUF_INIT;
	char path[64];
	const char *at;

	if (call->pid == 0)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)call->pid);
	if (buf_read_file(&status, AT_FDCWD, path) < 0)
		return false;
	at = strstr(buf_text(&status), field);
	return at && strtoull(at + strlen(field), NULL, 16) >> capability & 1;
}
