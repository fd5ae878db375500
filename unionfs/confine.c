/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "unionfs/confine.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/confine.h"
#include "unionfs/union.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const cap_value_t caps[] = {
	/* The layers hold files of everybody, of every kind. */
	CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_FSETID,
	CAP_MKNOD, CAP_SETFCAP, CAP_LINUX_IMMUTABLE,
	/* Labels of security modules, as copy-up takes them along. */
	CAP_MAC_ADMIN, CAP_MAC_OVERRIDE,
	/* "trusted." attributes, and registering files for passthrough. */
	CAP_SYS_ADMIN,
	/* Limits are the caller's business, as with the kernel's overlay. */
	CAP_SYS_RESOURCE,
};

static const struct confine_call calls[] = {
	{ SCMP_SYS(open) }, { SCMP_SYS(openat) }, { SCMP_SYS(openat2) },
	{ SCMP_SYS(mkdir) }, { SCMP_SYS(mkdirat) }, { SCMP_SYS(mknod) },
	{ SCMP_SYS(mknodat) }, { SCMP_SYS(unlink) }, { SCMP_SYS(unlinkat) },
	{ SCMP_SYS(rmdir) }, { SCMP_SYS(link) }, { SCMP_SYS(linkat) },
	{ SCMP_SYS(symlink) }, { SCMP_SYS(symlinkat) }, { SCMP_SYS(rename) },
	{ SCMP_SYS(renameat) }, { SCMP_SYS(renameat2) }, { SCMP_SYS(truncate) },
	{ SCMP_SYS(chmod) }, { SCMP_SYS(fchmod) }, { SCMP_SYS(fchmodat) },
	{ SCMP_SYS(chown) }, { SCMP_SYS(lchown) }, { SCMP_SYS(fchown) },
	{ SCMP_SYS(fchownat) }, { SCMP_SYS(utimensat) }, { SCMP_SYS(futimesat) },
	{ SCMP_SYS(umask) }, { SCMP_SYS(getxattr) }, { SCMP_SYS(lgetxattr) },
	{ SCMP_SYS(fgetxattr) }, { SCMP_SYS(setxattr) }, { SCMP_SYS(lsetxattr) },
	{ SCMP_SYS(fsetxattr) }, { SCMP_SYS(listxattr) }, { SCMP_SYS(llistxattr) },
	{ SCMP_SYS(flistxattr) }, { SCMP_SYS(removexattr) },
	{ SCMP_SYS(lremovexattr) }, { SCMP_SYS(fremovexattr) },
	{ SCMP_SYS(copy_file_range) }, { SCMP_SYS(sendfile) }, { SCMP_SYS(fallocate) },
	{ SCMP_SYS(fadvise64) }, { SCMP_SYS(readahead) }, { SCMP_SYS(preadv2) },
	{ SCMP_SYS(pwritev2) }, { SCMP_SYS(fsync) }, { SCMP_SYS(fdatasync) },
	{ SCMP_SYS(syncfs) }, { SCMP_SYS(sync_file_range) }, { SCMP_SYS(flock) },
	{ SCMP_SYS(name_to_handle_at) }, { SCMP_SYS(open_by_handle_at) },
	{ SCMP_SYS(close_range) },
	/* fchmodat2, setxattrat and its three: not in every libseccomp */
	{ 452 }, { 463 }, { 464 }, { 465 }, { 466 },
	/* takes capabilities away, and back */
	{ SCMP_SYS(capset) },
	/* a umask of each thread's own */
	{ SCMP_SYS(unshare), 0, UINT64_MAX, CLONE_FS },
};

int union_confine(const struct unionfs *u)
{
	unsigned first = u->work ? LAYER_TOP : LAYER_TOP + 1, count = 0;
	cleanup_free struct confine_tree *trees =
		calloc(u->layer_count + 2, sizeof(*trees));
	struct confine c = {
		.caps = caps, .cap_count = COUNT(caps),
		.calls = calls, .call_count = COUNT(calls),
		.trees = trees,
	};

	if (!trees)
		return -ENOMEM;
	for (unsigned i = first; i < u->layer_count; i++)
		trees[count++] = (struct confine_tree){
			layer_root_fd(u->layers[i]), i == LAYER_TOP && u->work };
	if (u->work)
		trees[count++] = (struct confine_tree){ workdir_fd(u->work), true };
	if (u->work && workdir_index_fd(u->work) >= 0)
		trees[count++] = (struct confine_tree){ workdir_index_fd(u->work), true };
	c.tree_count = count;
	return confine_worker(&c);
}
