/* SPDX-License-Identifier: Apache-2.0 */
/* The second half of a metacopy's way up: its data. */
#include "config.h"
#include "unionfs/copy_up.h"

#include <sys/xattr.h>
#include <unistd.h>

#include "common/errors.h"
#include "unionfs/copy_data.h"

#define CAPABILITY	"security.capability"
#define CAPABILITY_MAX	64

/* What writing takes away, or changes. */
struct kept {
	struct stat st;
	ssize_t capability_length;	/* negative: it has none */
	char capability[CAPABILITY_MAX];
};

static int keep(int fd, struct kept *k)
{
	if (fstat(fd, &k->st) < 0)
		return -errno;
	k->capability_length = fgetxattr(fd, CAPABILITY, k->capability,
					 sizeof(k->capability));
	return 0;
}

static int put_back(int fd, const struct kept *k)
{
	const struct timespec times[2] = { k->st.st_atim, k->st.st_mtim };

	if ((k->st.st_mode & (S_ISUID | S_ISGID)) &&
	    fchmod(fd, k->st.st_mode & 07777) < 0)
		return -errno;
	if (k->capability_length >= 0 &&
	    fsetxattr(fd, CAPABILITY, k->capability, k->capability_length, 0) < 0)
		return -errno;
	return neg_errno(futimens(fd, times));
}

int copy_up_fill(enum overlay_ns ns, int fd, int data_fd,
		 bool (*is_cancelled)(void *arg), void *cancel_arg)
{
	const struct copy_cancel cancel = { is_cancelled, cancel_arg };
	struct kept kept;
	int r;

	r = keep(fd, &kept);
	if (r < 0)
		return r;

	r = copy_data(data_fd, fd, kept.st.st_size, &cancel);
	/* Before the mark goes: a crash in between must find the data below. */
	if (r == 0)
		r = neg_errno(fdatasync(fd));
	if (r < 0) {
		/* Give back the space; the mark still says where the data is. */
		if (ftruncate(fd, 0) == 0)
			(void)ftruncate(fd, kept.st.st_size);
		(void)put_back(fd, &kept);
		return r;
	}

	r = put_back(fd, &kept);
	return r < 0 ? r : overlay_xattr_remove(ns, fd, "", OVERLAY_METACOPY);
}
