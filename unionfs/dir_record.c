/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "unionfs/dir_record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "unionfs/dir.h"

enum {
	FLAG_SETTLED = 1 << 0,
	FLAG_IMPURE = 1 << 1,
	FLAG_REMOVED = 1 << 2,
};

/*
 * The data is: the number of parts; each part's layer, flag, length of path and
 * path; the length of the redirect, and the redirect. Flags count in the first block.
 */
struct record {
	uint32_t next;		/* ref; 0: no more */
	uint16_t bytes;		/* here */
	uint8_t flags;
	uint8_t unused;
	unsigned char data[];
};

#define DATA_MAX   (STORE_BLOCK_MAX - sizeof(struct record))
#define RECORD_MAX (64 * 1024 * 1024)	/* bytes in all, against loops */

static uint8_t flags_of(const struct dir *dir)
{
	return (dir->is_settled ? FLAG_SETTLED : 0) |
	       (dir->is_impure ? FLAG_IMPURE : 0) |
	       (dir->is_removed ? FLAG_REMOVED : 0);
}

static void put_u16(struct buf *b, uint16_t value)
{
	buf_add(b, &value, sizeof(value));
}

static void put_text(struct buf *b, const char *text)
{
	uint16_t length = text ? strlen(text) : 0;

	put_u16(b, length);
	buf_add(b, text, length);
}

static void serialize(const struct dir *dir, struct buf *b)
{
	put_u16(b, dir->count);
	for (unsigned i = 0; i < dir->count; i++) {
		put_u16(b, dir->parts[i].layer);
		put_u16(b, dir->parts[i].has_xattr_whiteouts);
		put_text(b, dir->parts[i].path);
	}
	put_text(b, dir->redirect);
}

void dir_discard(struct inode_table *t, uint32_t ref)
{
	struct record *r;

	while ((r = store_at(&t->store, STORE_DIR, ref))) {
		ref = r->next;
		store_free(&t->store, r);
	}
}

/* From the end, so that what is in the state is always complete. */
static uint32_t store_data(struct inode_table *t, const char *data, size_t bytes,
			   uint8_t flags)
{
	uint32_t next = 0;

	while (bytes > 0) {
		size_t here = bytes % DATA_MAX ? bytes % DATA_MAX : DATA_MAX;
		struct record *r = store_alloc(&t->store, STORE_DIR,
					       sizeof(*r) + here);

		if (!r) {
			dir_discard(t, next);
			return 0;
		}
		bytes -= here;
		*r = (struct record){ .next = next, .bytes = here,
				      .flags = flags };
		memcpy(r->data, data + bytes, here);
		next = store_ref(&t->store, r);
	}
	return next;
}

/* Most changes are of a flag. */
static bool is_same(const struct record *r, const struct buf *b)
{
	return r && !r->next && r->bytes == b->length &&
	       memcmp(r->data, b->data, b->length) == 0;
}

void dir_save(struct inode_table *t, struct inode *inode)
{
	cleanup_buf struct buf b = BUF_INIT;
	uint8_t flags = flags_of(inode->dir);
	uint32_t before = inode->dir_ref, ref = 0;
	struct record *r = store_at(&t->store, STORE_DIR, before);

	serialize(inode->dir, &b);
	if (buf_error(&b) == 0 && is_same(r, &b)) {
		__atomic_store_n(&r->flags, flags, __ATOMIC_RELEASE);
		return;
	}
	if (buf_error(&b) == 0)
		ref = store_data(t, b.data, b.length, flags);
	__atomic_store_n(&inode->dir_ref, ref, __ATOMIC_RELEASE);
	dir_discard(t, before);
}

/* ---- reading ---- */

static int gather(struct inode_table *t, uint32_t ref, struct buf *data)
{
	while (ref) {
		struct record *r = store_at(&t->store, STORE_DIR, ref);

		if (!r || sizeof(*r) + r->bytes > store_size(&t->store, r) ||
		    data->length > RECORD_MAX)
			return -EPROTO;
		buf_add(data, r->data, r->bytes);
		ref = r->next;
	}
	return buf_error(data);
}

struct reading {
	const char *at, *end;
	bool failed;
};

static uint16_t get_u16(struct reading *r)
{
	uint16_t value;

	if (r->end - r->at < (ptrdiff_t)sizeof(value)) {
		r->failed = true;
		return 0;
	}
	memcpy(&value, r->at, sizeof(value));
	r->at += sizeof(value);
	return value;
}

/* NULL for a text of no length. */
static char *get_text(struct reading *r)
{
	uint16_t length = get_u16(r);
	char *text = NULL;

	if (r->end - r->at < length)
		r->failed = true;
	if (!r->failed && length) {
		text = strndup(r->at, length);
		r->failed = !text;
		r->at += length;
	}
	return text;
}

static void parse(struct reading *r, struct dir *dir)
{
	for (unsigned i = 0; i < dir->count; i++) {
		dir->parts[i].layer = get_u16(r);
		dir->parts[i].has_xattr_whiteouts = get_u16(r);
		dir->parts[i].path = get_text(r);
	}
	dir->redirect = get_text(r);
}

int dir_load(struct inode_table *t, struct inode *inode)
{
	struct record *first = store_at(&t->store, STORE_DIR, inode->dir_ref);
	cleanup_buf struct buf data = BUF_INIT;
	struct reading reading;
	uint16_t count;
	int r = first ? gather(t, inode->dir_ref, &data) : -EPROTO;

	if (r < 0)
		return r;
	reading = (struct reading){ data.data, data.data + data.length, false };
	count = get_u16(&reading);
	/* What a part takes at least: this bounds the count. */
	if (reading.failed || reading.end - reading.at < 6 * count)
		return -EPROTO;
	inode->dir = dir_new(NULL, count);
	if (!inode->dir)
		return -ENOMEM;
	parse(&reading, inode->dir);
	if (reading.failed) {
		inode->dir = dir_free(inode->dir);
		return -EPROTO;
	}
	inode->dir->is_settled = first->flags & FLAG_SETTLED;
	inode->dir->is_impure = first->flags & FLAG_IMPURE;
	inode->dir->is_removed = first->flags & FLAG_REMOVED;
	return 0;
}

/* ---- sweeping ---- */

struct sweep {
	struct inode_table *t;
	unsigned char *is_used;	/* a bit for each ref */
};

static void mark(struct sweep *s, uint32_t ref)
{
	struct record *r;

	while ((r = store_at(&s->t->store, STORE_DIR, ref)) &&
	       !(s->is_used[ref / 8] & 1 << ref % 8)) {
		s->is_used[ref / 8] |= 1 << ref % 8;
		ref = r->next;
	}
}

static void sweep_block(void *arg, void *block)
{
	struct sweep *s = arg;
	uint32_t ref = store_ref(&s->t->store, block);

	if (!(s->is_used[ref / 8] & 1 << ref % 8))
		store_free(&s->t->store, block);
}

int dir_sweep(struct inode_table *t)
{
	size_t refs = (size_t)*t->store.page_count * STORE_PAGE_BYTES / STORE_UNIT;
	struct sweep s = { t, calloc(1, refs / 8 + 1) };

	if (!s.is_used)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->slot_count; i++) {
		if (inode_is_live(t, i))
			mark(&s, inode_at(t, i)->dir_ref);
	}
	store_walk(&t->store, STORE_DIR, sweep_block, &s);
	free(s.is_used);
	return 0;
}
