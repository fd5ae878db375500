/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/intent.h - what a worker is about to change on the disk
 *
 * How it works. Before the first system call of a change a thread writes down what it
 * wants; when the disk and the tables agree again it notes that this is done. After a
 * worker's death its successor looks at the disk for each change that was begun, and
 * completes or undoes it (recover.c). The kernel
 * sends the requests again: of those that were done only the answer is wanted, and
 * a list says which they are. The others are carried out as if nothing had been.
 *
 * A thread has two places: for the operation that was asked for, and for what has to
 * be copied up first.
 */
#pragma once

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct call;
struct inode;
struct statx;
struct unionfs;

enum intent_op {
	INTENT_CREATE,		/* an object at a name; .inode[0] once it is known */
	INTENT_LINK,		/* one more name of .inode[0] */
	INTENT_REMOVE,		/* a name of .inode[0] */
	INTENT_RENAME,		/* .inode[0]; over or with .inode[1] */
	INTENT_TMPFILE,
	INTENT_XATTR,		/* .name[0] is the attribute's, of .inode[0] */
	INTENT_UP,		/* copy up .inode[0] */
	INTENT_UP_LINK,		/* a lower name of .inode[0] becomes an upper one */
};

enum intent_flag {
	INTENT_OVER_WHITEOUT = 1 << 0,	/* a whiteout stands at the (new) name */
	INTENT_LEAVES_WHITEOUT = 1 << 1, /* one shall stand at the (old) name */
	INTENT_IS_DIR = 1 << 2,
	INTENT_EXCHANGE = 1 << 3,
	INTENT_COUNTED = 1 << 4,	/* the inodes are counted once for this */
	INTENT_KEPT = 1 << 5,		/* what loses its name is held for this */
	INTENT_INDEXED = 1 << 6,	/* it is entered in the index; .key was its key */
	INTENT_REMOVES = 1 << 7,	/* the attribute; else it is made */
};

enum intent_phase {
	INTENT_NONE,
	INTENT_BEGUN,
	INTENT_DONE,
};

/* Plain data, in the state. */
struct intent {
	_Atomic uint32_t phase;		/* enum intent_phase; written last */
	uint16_t op;			/* enum intent_op */
	uint16_t flags;			/* enum intent_flag */
	uint64_t unique;		/* of the request; 0: of none */
	uint64_t node_id;		/* what was made, once it is done; 0: nothing */
	uint32_t dir[2];		/* slots */
	uint32_t inode[2];		/* slots; INTENT_NO_INODE */
	uint64_t ino;			/* of the upper object that moves */
	uint64_t key_ino;
	uint32_t key_dev;
	uint32_t nlink;			/* links to show */
	int64_t times[4];		/* of the directory, to be put back: seconds and
					   nanoseconds of access and of change */
	char name[2][NAME_MAX + 1];
};

#define INTENT_NO_INODE UINT32_MAX

struct intent_thread {
	_Atomic uint32_t is_taken;
	uint32_t unused;
	struct intent asked, up;
};

/* A request that was carried out by a worker that died before it could answer. */
struct intent_settled {
	uint64_t unique;
	uint64_t node_id;
};

enum {
	INTENT_THREADS = 128,
	INTENT_SETTLED = 512,	/* more than can be asked for again */
};

struct intents {
	struct intent_thread threads[INTENT_THREADS];
	struct intent_settled settled[INTENT_SETTLED];
	uint32_t next_settled;
};

/**
 * intent_prepare() - a place to write down what is wanted; not begun yet
 * @call:	who asks; NULL for copying up
 *
 * Return: to be filled in, .flags and names too; NULL where no place is left, which
 * all functions here take.
 */
struct intent *intent_prepare(struct unionfs *u, enum intent_op op,
			      const struct call *call);

/** intent_set_name() - .dir[@n] and .name[@n] */
void intent_set_name(struct intent *i, unsigned n, const struct inode *dir,
		     const char *name);

/** intent_set_times() - .times, from a directory's attributes */
void intent_set_times(struct intent *i, const struct statx *stx);

/** intent_begin() - from now on the disk may change */
void intent_begin(struct intent *i);

/** intent_done() - the disk and the tables agree on it; @made may be NULL */
void intent_done(struct intent *i, const struct inode *made);

/** intent_drop() - it came to nothing, or nobody waits for an answer */
void intent_drop(struct intent *i);

/** intent_end() - intent_done() if @r is not negative, else intent_drop() */
void intent_end(struct intent *i, int r, const struct inode *made);

/** intent_was_done() - was this request carried out before; with what it made */
bool intent_was_done(const struct unionfs *u, uint64_t unique, uint64_t *ret_node_id);

/** intent_remember() - it was, and may be asked for again */
void intent_remember(struct unionfs *u, uint64_t unique, uint64_t node_id);
