/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/self.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/mount.h"

/* The executable in a detached mount has no path that leads to its siblings. */
#define SELF_VARIABLE "NACRE_SELF"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static bool is_protected(int exe_fd)
{
	struct statvfs fs;
	int seals = fcntl(exe_fd, F_GET_SEALS);

	if (seals >= 0)
		return (seals & SEALS) == SEALS;
	return fstatvfs(exe_fd, &fs) == 0 && (fs.f_flag & ST_RDONLY);
}

static int read_only_mount(int exe_fd)
{
	cleanup_fd int tree = mount_clone(exe_fd, false);
	int r = tree < 0 ? tree : mount_set_attrs(tree, MOUNT_ATTR_RDONLY, 0, false);

	return r < 0 ? r : take_fd(&tree);
}

static int sealed_copy(int exe_fd)
{
	cleanup_fd int copy = neg_errno(memfd_create("nacre", MFD_CLOEXEC | MFD_ALLOW_SEALING));
	struct stat st;
	off_t done = 0;

	if (copy < 0 || fstat(exe_fd, &st) < 0)
		return copy < 0 ? copy : -errno;
	while (done < st.st_size) {
		ssize_t n = sendfile(copy, exe_fd, &done, (size_t)(st.st_size - done));

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
	}
	if (fcntl(copy, F_ADD_SEALS, SEALS) < 0)
		return -errno;
	return take_fd(&copy);
}

static int remember_path(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n < 0)
		return -errno;
	path[n] = '\0';
	return neg_errno(setenv(SELF_VARIABLE, path, 1));
}

int self_protect(char **argv, struct fault *f)
{
	cleanup_fd int exe = neg_errno(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
	cleanup_fd int safe = -1;
	int r;

	if (exe < 0)
		return fault_set(f, exe, "cannot open our own executable");
	if (is_protected(exe))
		return 0;

	safe = read_only_mount(exe);
	if (safe < 0)	/* an ordinary user may not, and an old kernel cannot */
		safe = sealed_copy(exe);
	r = safe < 0 ? safe : remember_path();
	if (r >= 0) {
		execveat(safe, "", argv, environ, AT_EMPTY_PATH);
		r = -errno;
	}
	return fault_set(f, r, "cannot protect our own executable from the container");
}

char *self_directory(void)
{
	char path[PATH_MAX];
	const char *remembered = getenv(SELF_VARIABLE);
	char *slash;
	ssize_t n;

	if (remembered && remembered[0] == '/')
		return strndup(remembered, (size_t)(strrchr(remembered, '/') - remembered));
	n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	if (n < 0)
		return NULL;
	path[n] = '\0';
	slash = strrchr(path, '/');
	return slash ? strndup(path, (size_t)(slash - path)) : NULL;
}
