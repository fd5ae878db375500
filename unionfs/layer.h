/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/layer.h - a layer: one directory tree of the union, held by its root
 *
 * A layer knows what its filesystem can do, so that nobody probes twice.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum layer_role {
	LAYER_UPPER,		/* takes every change */
	LAYER_LOWER,		/* never changed */
	LAYER_DATA_ONLY,	/* lower, reachable only through absolute redirects */
};

struct layer_traits {
	dev_t dev;		/* st_dev of the root */
	uint8_t uuid[16];	/* of the filesystem; zero if it has none or won't say */
	bool has_handles;	/* name_to_handle_at(2) works */
	bool has_ino_handles;	/* and origin_ino() may be believed */
	bool has_xattrs;	/* the overlay xattrs' namespace can be read (upper: written) */
	bool has_acls;		/* POSIX ACLs are supported */
	bool lists_xattrs;	/* listxattr(2) names all that getxattr(2) would find */
	bool has_d_type;	/* getdents(2) fills d_type */
	bool has_tmpfile;	/* O_TMPFILE works (upper only) */
	bool has_rename_whiteout; /* upper only: renameat2 flags work */
	bool has_whiteout_dev;	/* upper only: char 0:0 can be made */
	bool has_aufs_marks;	/* ".wh." files are marks here, see marks.h */
	const char *override_attr; /* owners are in this attribute, see override.h; or NULL */
};

struct layer;

/**
 * layer_open() - take hold of a directory tree
 * @path:	the tree's root as the user wrote it; resolved once, here
 * @role:	what it is to the union
 * @ret_layer:	the new layer, untouched on failure; give back with layer_close()
 *
 * The tree may be renamed afterwards: everything later goes through the fd. A
 * lower layer is held read-only and without the mounts inside it where the
 * privileges allow that. An upper one is opened as it is: see layer_open_sharing().
 *
 * Return: 0; -ENOTDIR if @path is not a directory; -ENOMEM; any open(2) error.
 */
int layer_open(const char *path, enum layer_role role, struct layer **ret_layer);

struct private_mounts;

/** layer_open_sharing() - layer_open() of one of several layers, which share mounts
 *	(private_mount.h); or of an upper, which shares them with its work directory.
 *	@mounts may be given back afterwards */
int layer_open_sharing(const char *path, enum layer_role role,
		       struct private_mounts *mounts, struct layer **ret_layer);

/** layer_close() - accepts NULL, returns NULL */
struct layer *layer_close(struct layer *layer);

/** layer_root_fd() - O_RDONLY|O_DIRECTORY descriptor of the root; lent */
int layer_root_fd(const struct layer *layer);

/** layer_path() - as the user wrote it, for messages only; lent */
const char *layer_path(const struct layer *layer);

enum layer_role layer_role(const struct layer *layer);
const struct layer_traits *layer_traits(const struct layer *layer);

/** layer_set_traits() - for those who find out more; before other threads run */
void layer_set_traits(struct layer *layer, const struct layer_traits *traits);

/** A directory and those it is in, up to the root of its filesystem. */
struct ancestry {
	struct dir_id {
		dev_t dev;
		uint64_t ino;
	} *ids;			/* owned; the directory itself first */
	unsigned count;
};

/** ancestry_of() - of any directory; give back with ancestry_done(), also on failure.
 *	Return: 0; -ENAMETOOLONG; -ENOMEM; -errno. */
int ancestry_of(int fd, struct ancestry *ret);
void ancestry_done(struct ancestry *a);

#define cleanup_ancestry __attribute__((cleanup(ancestry_done)))

/** ancestry_is_within() - is one directory another, or somewhere below it on the same
 *	filesystem */
bool ancestry_is_within(const struct ancestry *inner, const struct ancestry *outer);
