/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/data.h - the one file that an inode's data is read from and written to
 *
 * How it works. An inode has at most one backing descriptor, however many files are
 * open. Who reads or writes pins it meanwhile. data_retire() closes it, and waits
 * for the pins first: so when a file has been copied up, no read of the lower file
 * is under way any more when the first write is let in, and none can begin. A
 * page that the kernel caches can therefore never hold lower data that
 * an earlier write in the upper had replaced.
 *
 * Descriptors not used for long are closed; they are opened again when needed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "unionfs/inode.h"

struct unionfs;

struct backing {
	int fd;
	bool is_writable;	/* then it is the upper's, and holds all the data */
	bool is_kept;		/* could not be opened again */
	uint32_t pins;
	struct inode *inode;
	struct backing *newer, *older;
};

struct data {
	struct lock lock;	/* guards everything here and inode.backing */
	pthread_cond_t idle;	/* some pins fell to zero */
	unsigned count, max;
	struct backing newest;	/* ends of the list; .older and .newer */
};

void data_init(struct data *d, unsigned max);
void data_done(struct data *d);

/** data_pin() - the backing if there is one (that can be written); else NULL */
struct backing *data_pin(struct data *d, struct inode *inode, bool for_write);
void data_put(struct data *d, struct backing *b);

/** data_retire() - close the backing once nobody uses it */
void data_retire(struct data *d, struct inode *inode) REQUIRES(inode->lock);

/** data_release() - close it now: the inode goes, so nobody can be using it */
void data_release(struct data *d, struct inode *inode);

/** data_keep() - never close the backing for being old; it must be there */
void data_keep(struct data *d, struct inode *inode);

/**
 * data_lend() - the backing's descriptor to be inode.fd as well, for a file that
 *	loses its last name; -1 without a backing that can be written
 *
 * Such a one is never retired, for it is the upper's and whole. It is closed once,
 * with the inode.
 */
int data_lend(struct data *d, struct inode *inode) REQUIRES(inode->lock);

/** data_unlend() - inode.fd is not the backing's any more; false if it was not */
bool data_unlend(struct data *d, struct inode *inode) REQUIRES(inode->lock);

/**
 * data_install() - make @take_fd the backing; it is closed on failure
 * @ret:	pinned; may be NULL
 */
int data_install(struct data *d, struct inode *inode, int take_fd,
		 bool is_writable, struct backing **ret) REQUIRES(inode->lock);

/**
 * data_read() - the backing to read from, opened if need be
 * @ret:	pinned until data_put()
 *
 * Return: 0; -EIO where a metacopy's data cannot be found or is not what its digest
 * says; any open(2) error.
 */
int data_read(struct unionfs *u, struct inode *inode, struct backing **ret)
	EXCLUDES(inode->lock);

/** data_read_locked() - data_read() for who holds the inode */
int data_read_locked(struct unionfs *u, struct inode *inode, struct backing **ret)
	REQUIRES(inode->lock);

/**
 * data_write() - the backing to write to; copies the file up if need be
 *
 * Return: 0; -EROFS; -EINPROGRESS if that takes long and @call may not wait;
 * whatever copying up may fail with.
 */
struct call;
int data_write(struct unionfs *u, const struct call *call, struct inode *inode,
	       struct backing **ret) EXCLUDES(inode->lock);

/**
 * data_sync() - fsync(2), or fdatasync(2), of what an inode has in the upper layer
 *
 * That of a metacopy too, whose backing is another file: its attributes are here.
 * Return: 0, also for what is below; any fsync(2) error.
 */
int data_sync(struct unionfs *u, struct inode *inode, bool only_data)
	EXCLUDES(inode->lock);

/** data_is_metacopy() - is an inode's data elsewhere: 1, 0 or -errno */
int data_is_metacopy(struct unionfs *u, struct inode *inode)
	REQUIRES(inode->lock);

/** data_open_below() - open the data of a metacopy; a descriptor or -errno */
int data_open_below(struct unionfs *u, struct inode *inode)
	REQUIRES(inode->lock);
