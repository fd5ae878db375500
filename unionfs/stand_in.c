/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "unionfs/stand_in.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/errors.h"
#include "unionfs/overlay_xattr.h"

#define ACL_DEFAULT "system.posix_acl_default"
#define ACL_MAX	    65536

/* What an upper directory passes on to what is made in it. */
struct inheritance {
	bool setgid;
	gid_t gid;
	ssize_t acl_length;	/* 0: no default ACL */
	char acl[ACL_MAX];
};

static int inheritance_of(struct workdir *work, int upper_dir_fd,
			  struct inheritance *ret)
{
	struct stat st;

	if (fstat(upper_dir_fd, &st) < 0)
		return -errno;
	ret->setgid = st.st_mode & S_ISGID;
	ret->gid = st.st_gid;
	ret->acl_length = 0;

	if (layer_traits(workdir_upper(work))->has_acls) {
		ssize_t n = xattr_get_at(upper_dir_fd, "", ACL_DEFAULT, ret->acl,
					 sizeof(ret->acl));

		if (n < 0 && n != -ENODATA && n != -EOPNOTSUPP)
			return n;
		ret->acl_length = n > 0 ? n : 0;
	}
	return 0;
}

static int dress(int dir_fd, const char *name, const struct inheritance *from)
{
	int r = 0;

	if (from->setgid) {
		r = neg_errno(fchownat(dir_fd, name, (uid_t)-1, from->gid,
				       AT_SYMLINK_NOFOLLOW));
		if (r == 0)
			r = neg_errno(fchmodat(dir_fd, name, 02700, 0));
	}
	if (r == 0 && from->acl_length)
		r = xattr_set_at(dir_fd, name, ACL_DEFAULT, from->acl,
				 from->acl_length, 0);
	return r;
}

int stand_in_make(struct workdir *work, int upper_dir_fd,
		  char ret_name[TEMP_NAME_SIZE])
{
	char name[TEMP_NAME_SIZE];
	struct inheritance from;
	int r;

	r = inheritance_of(work, upper_dir_fd, &from);
	if (r < 0)
		return r;
	if (!from.setgid && !from.acl_length)
		return -ENODATA;

	workdir_temp_name(work, name);
	if (mkdirat(workdir_fd(work), name, 0700) < 0)
		return -errno;
	memcpy(ret_name, name, sizeof(name));
	/* The umask in force may have taken the owner's bits. */
	if (fchmodat(workdir_fd(work), name, 0700, 0) < 0)
		return -errno;

	r = dress(workdir_fd(work), name, &from);
	if (r < 0)
		return r;
	return neg_errno(openat(workdir_fd(work), name, O_RDONLY | O_DIRECTORY |
				O_NOFOLLOW | O_CLOEXEC));
}
