/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/inode.h - what the union shows as one object, and the names it has
 *
 * How it works. An inode lives in a slot; its node id is the slot (plus one) and
 * the slot's generation, never a pointer. Slots come in chunks that do not move, in
 * memory that outlives the worker (state.h); so do names.
 * An inode is found by its *real* key: (device, inode number) of the layers'
 * object that provides its attributes, which changes when it is copied up. Names
 * are objects of their own, (parent, text) -> inode, so a hard link is two names.
 *
 * An inode stays while the kernel holds it (nlookup), while it is the parent of a
 * name, or while somebody holds it (inode_hold()). A name stays as long as its
 * inode does. A removed name of a lower object is kept too: it still says where
 * the object is, for lower layers do not change.
 */
#pragma once

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "unionfs/locks.h"
#include "unionfs/state.h"
#include "unionfs/store.h"

struct backing;
struct dir;

#define INODE_ROOT_ID 1

enum inode_flag {
	INODE_COPYING = 1 << 0,	   /* its data is on the way up */
	INODE_DATA_HERE = 1 << 1,  /* certainly no metacopy: its data is its own */
	INODE_HASHED = 1 << 2,	   /* found by its real key */
	INODE_ALIASED = 1 << 3,	   /* found by its origin as well */
	INODE_METACOPY = 1 << 4,   /* certainly a metacopy */
	INODE_LOST = 1 << 6,	   /* pages that could not be written are being dropped */
	INODE_LOST_TIME = 1 << 7,  /* the time of a lost write is yet to come */
	INODE_INDEXED = 1 << 5,	   /* the copy is in the index, and says its nlink */
	INODE_NO_XATTRS = 1 << 9,  /* certainly none that clients could see */
	INODE_NO_CAPS = 1 << 10,   /* certainly no security.capability */
	INODE_TMPFILE = 1 << 11,   /* made without a name, may get one yet */
	INODE_UNPROTECTED = 1 << 12, /* certainly neither chattr +i nor +a in the upper */
};

struct inode_key {
	uint64_t ino;
	uint16_t dev;		/* index of the device, see union_dev() */
};

/*
 * The first half is plain data, which the next worker goes on with; it is complete
 * once .type is set. The second half is the present worker's.
 */
struct inode {
	_Atomic uint64_t nlookup;
	uint64_t st_ino;
	uint64_t real_ino, origin_ino;
	uint16_t real_dev, origin_dev;
	uint16_t layer;		/* that provides the attributes; under .lock */
	uint8_t type;		/* DT_*; DT_UNKNOWN marks a free slot */
	bool passes_below;	/* its file is not, or may not stay, what is written */
	uint32_t slot;
	_Atomic uint32_t generation;
	_Atomic uint32_t older_ids; /* so many generations before mean this inode too */
	uint32_t cached_opens, passed_opens; /* see handle.h; under .lock */
	_Atomic int32_t backing_id; /* while passed_opens > 0, else 0 */
	_Atomic uint32_t mappers; /* opens through which maps can be written unseen */
	uint32_t dir_ref;	/* of a directory: see dir_save() */
	_Atomic uint16_t flags;	/* enum inode_flag; changed under .lock */
	uint16_t place;		/* of .fd in the holder, 0: none */
	bool passes_as_root;	/* writes keep set-id bits */

	uint32_t refs;
	uint32_t real_next, origin_next;
	int fd;			/* owned; holds an upper object without a name; else -1 */
	struct lock lock;
	struct name *names;
	struct dir *dir;	/* of a directory */
	struct backing *backing; /* under data.lock */
};

_Static_assert(sizeof(struct inode) % 16 == 0, "chunks are made of pages");

/* Halves as above; complete once .length is set. */
struct name {
	uint32_t parent, inode;	/* slots */
	uint16_t layer;		/* that provides it */
	bool is_gone;		/* removed: only says where a lower object is */
	uint8_t length;		/* 0: none yet */
	uint32_t unused;
	struct name *hash_next;
	struct name *inode_next;
	char text[];		/* NUL-terminated; plain data too */
};

struct chunk;

struct inode_table {
	struct rwlock lock;	/* guards all below, every name, and struct dir's parts */
	struct state *state;	/* lent */
	struct inode *inodes;	/* lent; in the state */
	struct chunk *chunks;	/* what is only needed to find free slots */
	uint32_t with_room;	/* first of a list of chunks */
	uint32_t empty_count;
	uint32_t slot_count;	/* slots ever used, rounded up to chunks */
	uint32_t live_count;
	uint32_t most_count;	/* inodes since memory was last given back */
	uint32_t *real_heads, *origin_heads;
	uint32_t head_mask;
	struct name **name_heads;
	uint32_t name_mask, name_count;
	struct store store;	/* names, and what directories are made of */
	/* Gives back what else belongs to an inode; called under .lock. */
	void (*release)(void *arg, struct inode *inode);
	void *release_arg;
};

/**
 * inode_table_init() - empty but for a root, INODE_ROOT_ID; 0 or -ENOMEM
 * @state:	set up with state_init(); lent
 */
int inode_table_init(struct inode_table *t, struct state *state,
		     void (*release)(void *arg, struct inode *inode),
		     void *release_arg);

/**
 * inode_table_adopt() - go on with what another worker left
 *
 * What makes no sense is dropped. Directories are not loaded yet: inode.dir is NULL.
 * Return: 0; -ENOMEM; -EPROTO if there is not even a root.
 */
int inode_table_adopt(struct inode_table *t, struct state *state,
		      void (*release)(void *arg, struct inode *inode),
		      void *release_arg);
void inode_table_done(struct inode_table *t);

/** inode_is_live() - is the slot in use, by what is complete */
bool inode_is_live(struct inode_table *t, uint32_t slot);

/** inode_node_id() - what the kernel calls it */
static inline uint64_t inode_node_id(const struct inode *inode)
{
	return (uint64_t)inode->generation << 32 | (inode->slot + 1);
}

/**
 * inode_renew() - give it another node id; those before go on meaning it
 *
 * For the kernel it is another inode then, with pages and open files of its own.
 */
void inode_renew(struct inode_table *t, struct inode *inode) REQUIRES(t->lock);

/** inode_at() - by slot; the slot must be in use */
struct inode *inode_at(struct inode_table *t, uint32_t slot);

/** inode_by_node_id() - NULL if the id is stale */
struct inode *inode_by_node_id(struct inode_table *t, uint64_t id)
	EXCLUDES(t->lock);

/** inode_has() - a flag */
static inline bool inode_has(const struct inode *inode, enum inode_flag flag)
{
	return inode->flags & flag;
}

static inline bool inode_is_dir(const struct inode *inode)
{
	return inode->type == DT_DIR;
}

static inline struct inode_key inode_real(const struct inode *inode)
{
	return (struct inode_key){ inode->real_ino, inode->real_dev };
}

/** inode_find() - by real key, then by origin; NULL if there is none */
struct inode *inode_find(struct inode_table *t, struct inode_key key)
	REQUIRES_SHARED(t->lock);

/** inode_new() - an inode without names, held by nobody; NULL without memory */
struct inode *inode_new(struct inode_table *t, uint8_t type) REQUIRES(t->lock);

/** inode_hash() - let it be found by @key, and no longer by the one before */
void inode_hash(struct inode_table *t, struct inode *inode, struct inode_key key)
	REQUIRES(t->lock);

/** inode_alias() - let it be found by @key too */
void inode_alias(struct inode_table *t, struct inode *inode, struct inode_key key)
	REQUIRES(t->lock);

/** inode_drop_unused() - free it if nothing keeps it */
void inode_drop_unused(struct inode_table *t, struct inode *inode)
	REQUIRES(t->lock);

/** inode_hold() - keep it; give back with inode_put() */
void inode_hold(struct inode_table *t, struct inode *inode) REQUIRES(t->lock);
void inode_put(struct inode_table *t, struct inode *inode) EXCLUDES(t->lock);
void inode_put_locked(struct inode_table *t, struct inode *inode)
	REQUIRES(t->lock);

/** inode_table_has_shrunk() - there were many more inodes; true once for each time */
bool inode_table_has_shrunk(struct inode_table *t) EXCLUDES(t->lock);

/** inode_table_is_above() - are there more than so many inodes */
bool inode_table_is_above(struct inode_table *t, uint32_t count) EXCLUDES(t->lock);

/**
 * inode_collect() - node ids of inodes that the kernel holds and nobody has open
 * @hand:	where to go on; starts anywhere, moved on, and round at the end
 * @left:	how many slots to look at; lowered by those that were
 * @ids:	room for @max
 *
 * Slots are taken in turn, so a hand that goes round meets the oldest first, or nearly.
 * Return: how many were found; the root is never among them.
 */
unsigned inode_collect(struct inode_table *t, uint32_t *hand, uint32_t *left,
		       uint64_t *ids, unsigned max) EXCLUDES(t->lock);

/** inode_forget() - the kernel gives back @n of its lookups */
void inode_forget(struct inode_table *t, uint64_t id, uint64_t n)
	EXCLUDES(t->lock);

/** name_find() - the inode's name there that is not gone, or NULL */
struct name *name_find(struct inode_table *t, uint32_t parent, const char *text)
	REQUIRES_SHARED(t->lock);

/** name_find_other() - the same, but of another inode than @except */
struct name *name_find_other(struct inode_table *t, uint32_t parent,
			     const char *text, const struct inode *except)
	REQUIRES_SHARED(t->lock);

/** name_of() - a name that provides @layer's object: one not gone if there is one */
struct name *name_of(const struct inode *inode, unsigned layer);

/** name_live() - any name that is not gone, of @layer if there is one; or NULL */
struct name *name_live(const struct inode *inode, unsigned layer);

/** name_add() - give an inode a name; NULL without memory */
struct name *name_add(struct inode_table *t, struct inode *parent,
		      const char *text, struct inode *inode, unsigned layer)
	REQUIRES(t->lock);

/** name_remove() - take a name away; a lower object's is kept as gone */
void name_remove(struct inode_table *t, struct name *name) REQUIRES(t->lock);

/**
 * name_move() - give a name another parent and text; -ENOMEM with nothing changed
 */
int name_move(struct inode_table *t, struct name *name, struct inode *parent,
	      const char *text) REQUIRES(t->lock);
