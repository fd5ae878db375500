/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/fuse_kernel.h - the parts of the FUSE protocol we touch ourselves
 *
 * libfuse speaks the protocol; what is here is what it hides or, being older
 * than the kernel, does not know. Own names, so that the system's
 * <linux/fuse.h> of any age may be included beside it. Source of the figures:
 * Linux include/uapi/linux/fuse.h.
 */
#pragma once

#include <stdint.h>
#include <sys/ioctl.h>

struct fusek_in_header {
	uint32_t len;
	uint32_t opcode;
	uint64_t unique;
	uint64_t nodeid;
	uint32_t uid;
	uint32_t gid;
	uint32_t pid;
	uint16_t total_extlen;
	uint16_t padding;
};

/* After the header of READ. */
struct fusek_read_in {
	uint64_t fh;
	uint64_t offset;
	uint32_t size;
	uint32_t read_flags;
	uint64_t lock_owner;
	uint32_t flags;
	uint32_t padding;
};

/* After the header of SETATTR. */
struct fusek_setattr_in {
	uint32_t valid;
};

#define FUSEK_FATTR_KILL_SUIDGID (1u << 11)

/* After the header of WRITE. */
struct fusek_write_in {
	uint64_t fh;
	uint64_t offset;
	uint32_t size;
	uint32_t write_flags;
};

/* After the header of POLL. */
struct fusek_poll_in {
	uint64_t fh;
	uint64_t kh;
	uint32_t flags;
	uint32_t events;
};

#define FUSEK_POLL_SCHEDULE_NOTIFY (1u << 0)

#define FUSEK_WRITE_KILL_SUIDGID (1u << 2)

struct fusek_out_header {
	uint32_t len;
	int32_t error;		/* for a notification (unique 0): its code */
	uint64_t unique;
};

struct fusek_init_in {
	uint32_t major;
	uint32_t minor;
	uint32_t max_readahead;
	uint32_t flags;
	uint32_t flags2;	/* since 7.36, with FUSEK_INIT_EXT */
	uint32_t unused[11];
};

struct fusek_init_out {
	uint32_t major;
	uint32_t minor;
	uint32_t max_readahead;
	uint32_t flags;
	uint16_t max_background;
	uint16_t congestion_threshold;
	uint32_t max_write;
	uint32_t time_gran;
	uint16_t max_pages;
	uint16_t map_alignment;
	uint32_t flags2;
	uint32_t max_stack_depth;	/* since 7.40 */
	uint32_t unused[6];
};

/* The reply to GETATTR. */
struct fusek_attr_out {
	uint64_t attr_valid;
	uint32_t attr_valid_nsec;
	uint32_t dummy;
	uint64_t ino;
	uint64_t size;
	uint64_t blocks;
	uint64_t atime;
	uint64_t mtime;
	uint64_t ctime;
	uint32_t atimensec;
	uint32_t mtimensec;
	uint32_t ctimensec;
	uint32_t mode;
	uint32_t nlink;
	uint32_t uid;
	uint32_t gid;
	uint32_t rdev;
	uint32_t blksize;
	uint32_t flags;
};

struct fusek_time {
	int64_t sec;
	uint32_t nsec;
	int32_t reserved;
};

/* The reply to STATX, since 7.39. Its request begins as GETATTR's does. */
struct fusek_statx_out {
	uint64_t attr_valid;
	uint32_t attr_valid_nsec;
	uint32_t flags;
	uint64_t spare[2];
	uint32_t mask;			/* STATX_* */
	uint32_t blksize;
	uint64_t attributes;
	uint32_t nlink;
	uint32_t uid;
	uint32_t gid;
	uint16_t mode;
	uint16_t spare0;
	uint64_t ino;
	uint64_t size;
	uint64_t blocks;
	uint64_t attributes_mask;
	struct fusek_time atime;
	struct fusek_time btime;
	struct fusek_time ctime;
	struct fusek_time mtime;
	uint32_t rdev_major;
	uint32_t rdev_minor;
	uint32_t dev_major;
	uint32_t dev_minor;
	uint64_t spare2[14];
};

/* The end of the replies to OPEN, OPENDIR and CREATE. */
struct fusek_open_out {
	uint64_t fh;
	uint32_t open_flags;
	int32_t backing_id;		/* since 7.40 */
};

enum {
	FUSEK_OP_GETATTR = 3,
	FUSEK_OP_SETATTR = 4,
	FUSEK_OP_CREATE = 35,
	FUSEK_OP_TMPFILE = 51,
	FUSEK_OP_STATX = 52,
	FUSEK_OP_READ = 15,
	FUSEK_OP_WRITE = 16,
	FUSEK_OP_INIT = 26,
	FUSEK_OP_POLL = 40,
	FUSEK_NOTIFY_POLL = 1,
	FUSEK_NOTIFY_INVAL_INODE = 2,
	FUSEK_NOTIFY_RESEND = 7,
	FUSEK_NOTIFY_PRUNE = 9,		/* since 7.45 */
};

struct fusek_notify_inval_inode_out {
	uint64_t ino;
	int64_t off;			/* < 0: only attributes */
	int64_t len;
};

/* Before the node ids. */
struct fusek_notify_prune_out {
	uint32_t count;
	uint32_t padding;
	uint64_t spare;
};

/* Set in `unique` of a request that was sent before. */
#define FUSEK_UNIQUE_RESEND (UINT64_C(1) << 63)

/* INIT flags; those from 32 up travel in flags2. */
#define FUSEK_WRITEBACK_CACHE	   (UINT64_C(1) << 16)
#define FUSEK_PARALLEL_DIROPS	   (UINT64_C(1) << 18)
#define FUSEK_CACHE_SYMLINKS	   (UINT64_C(1) << 23)
#define FUSEK_HANDLE_KILLPRIV_V2   (UINT64_C(1) << 28)
#define FUSEK_INIT_EXT		   (UINT64_C(1) << 30)
#define FUSEK_DIRECT_IO_ALLOW_MMAP (UINT64_C(1) << 36)
#define FUSEK_PASSTHROUGH	   (UINT64_C(1) << 37)
#define FUSEK_HAS_RESEND	   (UINT64_C(1) << 39)
#define FUSEK_ALLOW_IDMAP	   (UINT64_C(1) << 40)

/* open_flags that libfuse 3.14 cannot set. */
#define FUSEK_FOPEN_PARALLEL_DIRECT_WRITES (1u << 6)
#define FUSEK_FOPEN_PASSTHROUGH		   (1u << 7)

struct fusek_backing_map {
	int32_t fd;
	uint32_t flags;
	uint64_t padding;
};

#define FUSEK_IOC_BACKING_OPEN	_IOW(229, 1, struct fusek_backing_map)
#define FUSEK_IOC_BACKING_CLOSE _IOW(229, 2, uint32_t)
