/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher/image_store.h - the images that are kept on this host
 *
 * How it works. Below one directory:
 *
 *	layers/sha256/CHAIN/	a layer, unpacked; a lower directory for overlay.
 *				CHAIN names it and all layers below it.
 *	blobs/sha256/DIGEST	manifests and configs
 *	images/NAME		a record: which config, which layers
 *	tmp/			what is being made; renamed when it is whole
 *	lock, import.lock
 *
 * A layer that exists is complete, and never changes. Whoever uses one holds a
 * shared lock on its directory, an import as well as a container. `lock` is
 * taken shared to find layers and take those locks, exclusive to remove what no
 * record names and no one holds, and to put a new record in place. Only the
 * holder of import.lock makes things in tmp/, so when an import begins, what is
 * there was left by one that was killed.
 *
 * Nothing here needs libarchive or libcrypto: those, which take longer to load
 * than a container to start, are only linked to nacre-image.
 */
#pragma once

#include <stdint.h>

#include "common/opt.h"
#include "launcher/fault.h"
#include "launcher/image_digest.h"
#include "launcher/image_manifest.h"

struct image_store;

struct image_layer {
	struct digest chain;	/* the directory's name */
	struct digest diff;	/* of the uncompressed tar it came from */
	int64_t size_bytes;	/* of its files */
};

/* What images/NAME says. */
struct image_record {
	char *name;		/* "localhost/app:latest" */
	struct digest id;	/* of the config */
	struct digest manifest;	/* not set if it came without one */
	int64_t imported_s;	/* seconds since 1970 */
	struct image_layer *layers;	/* the lowest first */
	size_t layer_count;
};

struct image_records {
	struct image_record *items;	/* sorted by name */
	size_t count;
};

/* An image in use: its layers stay as long as this is open. */
struct image {
	struct image_record record;
	struct image_config config;
	struct opt_list layers;	/* directories, the top first */
	int *holds;		/* a locked descriptor for each */
};

/**
 * image_store_open() - open the store, making it if it is missing
 * @root:	its directory; NULL for the default: below /var/lib for root, below
 *		$XDG_DATA_HOME for a user
 */
int image_store_open(const char *root, struct image_store **ret_store, struct fault *fault);

/** image_store_close() - accepts NULL, returns NULL */
struct image_store *image_store_close(struct image_store *store);

/** image_store_list() - all images; free with image_records_done() */
int image_store_list(struct image_store *store, struct image_records *ret_records,
		     struct fault *fault);

/**
 * image_store_get() - take hold of an image
 * @name:	as `nacre images` shows it; ":latest" and what precedes the last
 *		components may be left out where that is clear, and the id's
 *		first digits will do
 * @ret_image:	let go with image_release(); the locks live in the descriptors,
 *		so a forked child keeps them too
 *
 * Return: 0; -ENOENT; -ENOTUNIQ; other negative errno; @fault is set.
 */
int image_store_get(struct image_store *store, const char *name, struct image **ret_image,
		    struct fault *fault);

/** image_release() - accepts NULL, returns NULL */
struct image *image_release(struct image *image);

/**
 * image_store_obtain() - an image by name, or by the path of a file or directory,
 *	which is imported if it is not there yet
 */
int image_store_obtain(struct image_store *store, const char *name_or_path,
		       struct image **ret_image, struct fault *fault);

/**
 * image_store_remove() - forget a name; layers that no image and no container
 *	uses any more go with the last one
 * @ret_name:	the full name; may be NULL; freed by the caller
 */
int image_store_remove(struct image_store *store, const char *name, char **ret_name,
		       struct fault *fault);

/** image_store_collect() - remove layers and blobs that nothing uses */
int image_store_collect(struct image_store *store, struct fault *fault);

/** image_record_size() - bytes of all layers */
int64_t image_record_size(const struct image_record *record);

/** image_record_done(), image_records_done() - free what the structs own */
void image_record_done(struct image_record *record);
void image_records_done(struct image_records *records);

/** image_name_is_valid() - letters, digits, "._-/:@+"; no empty or dotted component */
bool image_name_is_valid(const char *name);

/** image_name_complete() - with ":latest" if it has no tag; freed by the caller */
char *image_name_complete(const char *name);
