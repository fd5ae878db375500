/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/paths.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"

/*
 * Inside a user namespace of our own we are uid 0 and yet the ordinary user:
 * the variable says who started it.
 */
static bool is_host_root(void)
{
	return geteuid() == 0 && !getenv("NACRE_ROOTLESS_UID");
}

static unsigned long user_id(void)
{
	const char *outside = getenv("NACRE_ROOTLESS_UID");

	return outside ? strtoul(outside, NULL, 10) : geteuid();
}

static char *join(const char *dir, const char *rest)
{
	char *path;

	return asprintf(&path, "%s%s", dir, rest) < 0 ? NULL : path;
}

static char *user_path(const char *variable, const char *below_home, const char *rest)
{
	const char *dir = getenv(variable);
	const char *home = getenv("HOME");
	char *path;

	if (dir && *dir == '/')
		return join(dir, rest);
	if (home && *home == '/')
		return asprintf(&path, "%s/%s%s", home, below_home, rest) < 0 ? NULL : path;
	return asprintf(&path, "/tmp/nacre-%lu%s", user_id(), rest) < 0 ? NULL : path;
}

char *paths_state_root(void)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char *path;

	if (is_host_root())
		return strdup("/run/nacre/containers");
	if (runtime && *runtime == '/')
		return join(runtime, "/nacre/containers");
	return asprintf(&path, "/tmp/nacre-%lu/containers", user_id()) < 0 ? NULL : path;
}

char *paths_data(void)
{
	const char *dir = getenv("NACRE_DATA_DIR");

	if (dir && *dir == '/')
		return strdup(dir);
	if (is_host_root())
		return strdup(NACRE_LOCALSTATEDIR "/lib/nacre");
	return user_path("XDG_DATA_HOME", ".local/share", "/nacre");
}

char *paths_cache(void)
{
	const char *dir = getenv("NACRE_DATA_DIR");

	if (dir && *dir == '/')
		return strdup(dir);
	if (is_host_root())
		return strdup(NACRE_LOCALSTATEDIR "/lib/nacre");
	return user_path("XDG_CACHE_HOME", ".cache", "/nacre");
}

int paths_make(const char *path, mode_t mode)
{
	cleanup_free char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	for (char *p = copy + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return mkdir(copy, mode) < 0 && errno != EEXIST ? -errno : 0;
}

char *paths_absolute(const char *path)
{
	cleanup_free char *cwd = NULL;
	char *whole;

	if (path[0] == '/')
		return strdup(path);
	cwd = getcwd(NULL, 0);
	if (!cwd)
		return NULL;
	return asprintf(&whole, "%s/%s", cwd, path) < 0 ? NULL : whole;
}
