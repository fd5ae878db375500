/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/image_store_impl.h - the store, for what puts things into it */
#pragma once

#include "common/buf.h"
#include "launcher/image_store.h"

struct image_store {
	char *path;
	int fd;
	int layers_fd;		/* layers/sha256 */
	int blobs_fd, images_fd, tmp_fd;
	int lock_fd;
};

/** store_lock() - LOCK_SH, LOCK_EX or LOCK_UN on the store; waits */
int store_lock(struct image_store *store, int how, struct fault *fault);

/**
 * store_begin_import() - be the only one who makes things in tmp/, and empty it
 * @waiting:	called once if someone else is at it
 *
 * Return: a descriptor: closing it lets the next one in; negative errno.
 */
int store_begin_import(struct image_store *store, void (*waiting)(void), struct fault *fault);

/** store_hold_layer() - open and lock a layer; -ENOENT; the store is locked */
int store_hold_layer(struct image_store *store, const struct digest *chain);

/** store_layer_path() - a layer's directory, freed by the caller */
char *store_layer_path(const struct image_store *store, const struct digest *chain);

/** store_temp_dir() - make a directory in tmp/, open it; its name in @ret_name */
int store_temp_dir(struct image_store *store, char ret_name[static 32]);

/**
 * store_publish_layer() - what was made in tmp/NAME is a layer from now on
 * @dir_fd:	the directory, open; locked for the caller, as store_hold_layer() does
 */
int store_publish_layer(struct image_store *store, const char *name, int dir_fd,
			const struct digest *chain);

/** store_write_blob() - keep a manifest or config under its digest */
int store_write_blob(struct image_store *store, const struct digest *digest,
		     const struct buf *text);

/** store_read_blob() - append it to @text */
int store_read_blob(struct image_store *store, const struct digest *digest, struct buf *text,
		    struct fault *fault);

/** store_write_record() - give an image its name, in place of the one that had it */
int store_write_record(struct image_store *store, const struct image_record *record,
		       struct fault *fault);

/**
 * store_find() - the record that a name means; see image_store_get()
 * @only_one:	-ENOTUNIQ also if it may mean several names of one image
 */
int store_find(struct image_store *store, const char *name, bool only_one,
	       struct image_record *ret_record, struct fault *fault);

/** store_collect_locked() - image_store_collect() with the store locked exclusively */
int store_collect_locked(struct image_store *store, struct fault *fault);

/* image_record.c */

/** record_file_name() - an image's name as a file name; freed by the caller */
char *record_file_name(const char *name);

/** record_to_text() - what images/NAME holds; 0 or -ENOMEM */
int record_to_text(const struct image_record *record, struct buf *text);

/** record_from_text() - the reverse; -EBADMSG with @fault */
int record_from_text(const struct buf *text, const char *what, struct image_record *ret_record,
		     struct fault *fault);

/** record_copy() - 0 or -ENOMEM */
int record_copy(const struct image_record *record, struct image_record *ret_record);
