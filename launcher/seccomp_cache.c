/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/seccomp_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

void seccomp_cache_used(int cache_fd, const char *name)
{
	/* Where it cannot be noted, it is only dropped sooner. */
	(void)utimensat(cache_fd, name, NULL, AT_SYMLINK_NOFOLLOW);
}

static bool is_older(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* Return: how many programs there are; @oldest names one if there is any. */
static size_t find_oldest(int cache_fd, char oldest[NAME_MAX + 1])
{
	int fd = openat(cache_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *list = fd < 0 ? NULL : fdopendir(fd);
	struct timespec since = { 0, 0 };
	struct dirent *entry;
	size_t count = 0;

	if (!list && fd >= 0)
		close(fd);
	while (list && (entry = readdir(list))) {
		struct stat st;

		if (strncmp(entry->d_name, SECCOMP_CACHE_PREFIX,
			    strlen(SECCOMP_CACHE_PREFIX)) != 0 ||
		    fstatat(cache_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (!count++ || is_older(&st.st_mtim, &since)) {
			since = st.st_mtim;
			snprintf(oldest, NAME_MAX + 1, "%s", entry->d_name);
		}
	}
	return count;
}

void seccomp_cache_trim(int cache_fd)
{
	char oldest[NAME_MAX + 1];

	while (find_oldest(cache_fd, oldest) > SECCOMP_CACHE_MAX)
		if (unlinkat(cache_fd, oldest, 0) < 0 && errno != ENOENT)
			return;
}
