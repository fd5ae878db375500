/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/options.h - what the user asked for
 *
 * The command line of fuse-overlayfs, the mount options of kernel overlay, and
 * our own. Anything may be given in any number of -o words.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/idmap.h"
#include "common/opt.h"
#include "unionfs/overlay_xattr.h"

#define MAX_INODES_FROM_MEMORY UINT_MAX	/* nobody said how many */

enum data_path {
	DATA_AUTO,		/* what measures better for this kind of mount */
	DATA_CACHED,		/* pages cached over the union, written back */
	DATA_PASSTHROUGH,	/* the kernel reads and writes upper files itself */
	DATA_PASSTHROUGH_ALL,	/* lower files as well */
};

enum redirect_dir {
	REDIRECT_DIR_ON,	/* follow, and write on rename */
	REDIRECT_DIR_FOLLOW,	/* follow only: renaming a merged directory is EXDEV */
	REDIRECT_DIR_NOFOLLOW,	/* neither */
};

enum auto_switch {
	SWITCH_AUTO,
	SWITCH_OFF,
	SWITCH_ON,
};

enum verity {
	VERITY_OFF,
	VERITY_ON,		/* check digests that are there */
	VERITY_REQUIRE,		/* every metacopy must have one */
};

enum whiteout_form {
	WHITEOUT_AUTO,		/* see marks.h */
	WHITEOUT_OVERLAY,
	WHITEOUT_AUFS,
};

enum xattr_permissions {
	XATTR_PERMISSIONS_NONE,
	XATTR_PERMISSIONS_PRIVILEGED,	/* security.fuseoverlayfs.override_stat */
	XATTR_PERMISSIONS_USER,		/* user.containers.override_stat */
};

struct options {
	/* Layers. The lists are as written; see options_layers(). */
	char *lowerdir;
	struct opt_list lowerdir_added;	/* lowerdir+, after those of lowerdir */
	struct opt_list datadir_added;	/* datadir+ */
	char *upperdir;			/* unescaped by options_parse(); NULL: read-only */
	char *workdir;			/* likewise */
	char *mountpoint;
	char *source;			/* what the mount table shows; NULL: not said */

	/* What is stored, and how. */
	enum redirect_dir redirect_dir;
	enum auto_switch index;
	bool metacopy;
	bool userxattr;			/* also set when nothing else can be written */
	enum verity verity;
	enum whiteout_form whiteout;
	enum xattr_permissions xattr_permissions;
	enum auto_switch uuid;

	/* What is shown. */
	enum auto_switch xino;
	bool ino32;
	bool static_nlink;
	enum auto_switch acl;
	bool no_xattrs;
	struct idmap uid_map;		/* from the layers' ids to those shown */
	struct idmap gid_map;
	bool squashes_uid, squashes_gid;
	unsigned squash_uid, squash_gid;

	/* How it runs. */
	enum data_path data;
	double timeout_seconds;		/* of entries and attributes in the kernel */
	bool is_volatile;
	bool fsync;
	bool writeback;
	unsigned threads;		/* 0: one per core */
	unsigned spin_us;		/* 0: never */
	bool no_resend;			/* as on kernels before 6.9, for tests */
	unsigned max_inodes;		/* that the kernel remembers; 0: any number */
	size_t table_bytes;		/* for tables of directories, at most */
	bool foreground, debug;
	bool is_handed_over;	/* see session_is_handover() */
	bool allow_other, default_permissions;
	bool read_only;
	bool remount;			/* only change mount_flags of what is mounted */
	char *mount_flags;		/* for the session: "nodev,noatime,..." */

	/* Asked for instead of a mount. */
	bool help, version;

	/* Inner state of the parser. */
	struct opt_list words;		/* of -o */
	struct opt_list flags;		/* mount(2)'s own words, in order */
	char *context;
};

/** options_init() - the defaults, which depend on who asks */
void options_init(struct options *o);

/**
 * options_parse() - read a command line
 * @argc, @argv: the words, without the program's own name
 * @warn:	called for each option that nobody knows and that is ignored
 * @error:	two lines, without the program's name, when -EINVAL is returned
 *
 * Of two operands the first, mount(8)'s source, is ignored. What can be judged
 * without looking at the file system is judged here.
 *
 * Return: 0; -EINVAL; -ENOMEM.
 */
int options_parse(struct options *o, int argc, char *const *argv,
		  void (*warn)(const char *option), struct opt_error *error);

/** options_done() - free what the fields own */
void options_done(struct options *o);

/** options_print_help() - the usage, then every option */
void options_print_help(const char *program, FILE *out);

/**
 * options_fit_memory() - decide by how much memory there may be what nobody decided
 * @limit_bytes: of all that this process takes; MEMORY_LIMIT_NONE
 *
 * Half of it is for inodes, an eighth for tables of directories.
 */
void options_fit_memory(struct options *o, uint64_t limit_bytes);

/** options_ns() - where the overlay's attributes are */
enum overlay_ns options_ns(const struct options *o);

/**
 * options_layers() - the lower layers' paths, topmost first, unescaped
 * @ret_lower:	ordinary ones; at least one; give back with opt_list_done()
 * @ret_data:	data-only ones; likewise
 * @error:	filled on -EINVAL
 *
 * As for kernel overlay a colon separates, a double colon stands before each
 * data-only layer, and a backslash keeps the next character as it is.
 *
 * Return: 0; -EINVAL; -ENOMEM.
 */
int options_layers(const struct options *o, struct opt_list *ret_lower,
		   struct opt_list *ret_data, struct opt_error *error);
