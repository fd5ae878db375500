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

/* The next id of a line of them, as the layers have it; false at the line's end. */
static bool next_id(const struct unionfs *u, const char **at, uint32_t *ret)
{
	unsigned long shown;
	char *end;

	*at += strspn(*at, " \t");
	if (**at < '0' || **at > '9')
		return false;
	shown = strtoul(*at, &end, 10);
	*at = end;
	if (idmap_from(&u->options->gid_map, shown, ret) < 0)
		*ret = ID_OVERFLOW;
	return true;
}

bool call_in_group(const struct unionfs *u, const struct call *call, gid_t gid)
{
	static const char *const fields[] = { "\nGid:", "\nGroups:" };
	cleanup_buf struct buf status = BUF_INIT;
	char path[64];
	uint32_t id;

	if (call->gid == gid)
		return true;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)call->pid);
	if (call->pid == 0 || buf_read_file(&status, AT_FDCWD, path) < 0)
		return false;
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		const char *at = strstr(buf_text(&status), fields[i]);
		unsigned n;

		at = at ? at + strlen(fields[i]) : NULL;
		for (n = 0; at && next_id(u, &at, &id); n++)
			/* Of the primary ones the fourth is the filesystem's. */
			if (id == gid && (i == 1 || n == 3))
				return true;
	}
	return false;
}
