/* SPDX-License-Identifier: Apache-2.0 */
/* Does kernel overlay write to an upper layer: it takes no lock that others see. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "unionfs/fsck_impl.h"

#define UPPERDIR ",upperdir="

static bool is_octal(const char *text)
{
	return text[0] >= '0' && text[0] <= '3' && text[1] >= '0' && text[1] <= '7' &&
	       text[2] >= '0' && text[2] <= '7';
}

/* In place: mountinfo's "\040", and overlay's own "\\," within that. */
static void unescape(char *text)
{
	char *out = text, *in = text;

	for (; *in; in++)
		if (*in == '\\' && is_octal(in + 1)) {
			*out++ = (in[1] - '0') << 6 | (in[2] - '0') << 3 | (in[3] - '0');
			in += 3;
		} else {
			*out++ = *in;
		}
	*out = '\0';
	for (in = out = text; *in; in++) {
		if (*in == '\\' && in[1])
			in++;
		*out++ = *in;
	}
	*out = '\0';
}

static bool names(char *line, const struct stat *upper)
{
	char *path = strstr(line, UPPERDIR);
	struct stat st;

	if (!strstr(line, " - overlay ") || !path)
		return false;
	path += strlen(UPPERDIR);
	path[strcspn(path, ",\n")] = '\0';
	unescape(path);
	return stat(path, &st) == 0 && st.st_ino == upper->st_ino &&
	       st.st_dev == upper->st_dev;
}

bool fsck_kernel_uses(int upper_fd)
{
	cleanup_file FILE *mounts = fopen("/proc/self/mountinfo", "re");
	cleanup_free char *line = NULL;
	struct stat upper;
	size_t size = 0;

	if (!mounts || fstat(upper_fd, &upper) < 0)
		return false;
	while (getline(&line, &size, mounts) > 0)
		if (names(line, &upper))
			return true;
	return false;
}
