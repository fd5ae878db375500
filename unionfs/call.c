/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "unionfs/call.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "unionfs/union.h"

/* The effective set, as the beginning of a status file says; false if it does not. */
static bool find_effective(const char *status, uint64_t *ret)
{
	static const char field[] = "CapEff:";
	const char *at = strstr(status, field);

	if (!at || !strchr(at, '\n'))
		return false;
	*ret = strtoull(at + strlen(field), NULL, 16);
	return true;
}

/* Mostly one read will do: only a long list of groups stands before what is wanted. */
static bool read_effective(const char *path, uint64_t *ret)
{
	cleanup_buf struct buf whole = BUF_INIT;
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	char begin[2048];
	ssize_t n = fd < 0 ? -1 : read(fd, begin, sizeof(begin) - 1);

	if (n <= 0)
		return false;
	begin[n] = '\0';
	if (find_effective(begin, ret))
		return true;
	return buf_read_file(&whole, AT_FDCWD, path) >= 0 &&
	       find_effective(buf_text(&whole), ret);
}

bool call_has_capability(const struct call *call, unsigned capability)
{
	uint64_t effective;
	char path[64];

	if (call->pid == 0)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)call->pid);
	return read_effective(path, &effective) && effective >> capability & 1;
}
