/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "unionfs/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define NO_PAGE	   UINT32_MAX
#define KEEP_EMPTY 64		/* empty pages that are not given back */
#define WORDS	   4

/* In the state. A page of zeroes is an empty one. */
struct store_page {
	uint16_t units;		/* of a block; 0: empty. Written last */
	uint8_t kind;
	uint8_t unused[5];
	uint64_t used[WORDS];	/* a bit for each block */
	uint64_t unused_too;
	unsigned char blocks[STORE_PAGE_BYTES - 48];
};

_Static_assert(sizeof(struct store_page) == STORE_PAGE_BYTES, "a page");

struct store_page_info {
	uint32_t next, previous;
	uint16_t count;		/* of blocks in use */
};

static unsigned capacity(unsigned units)
{
	return sizeof(((struct store_page *)0)->blocks) / STORE_UNIT / units;
}

static uint32_t *list_of(struct store *s, const struct store_page *page)
{
	return &s->with_room[page->kind][page->units];
}

static void list_add(struct store *s, uint32_t *head, uint32_t n)
{
	s->info[n].next = *head;
	s->info[n].previous = NO_PAGE;
	if (*head != NO_PAGE)
		s->info[*head].previous = n;
	*head = n;
}

static void list_drop(struct store *s, uint32_t *head, uint32_t n)
{
	struct store_page_info *i = &s->info[n];

	if (i->previous == NO_PAGE)
		*head = i->next;
	else
		s->info[i->previous].next = i->next;
	if (i->next != NO_PAGE)
		s->info[i->next].previous = i->previous;
}

static void page_emptied(struct store *s, uint32_t n)
{
	struct store_page *page = &s->pages[n];

	__atomic_store_n(&page->units, 0, __ATOMIC_RELEASE);
	/* What is given back reads as zeroes. If that fails, it is used again as it is. */
	if (s->empty_count >= KEEP_EMPTY)
		(void)madvise(page, sizeof(*page), MADV_REMOVE);
	list_add(s, &s->empty, n);
	s->empty_count++;
}

static bool is_sane(const struct store_page *page)
{
	return page->units > 0 && page->units < STORE_CLASSES &&
	       page->kind < STORE_KINDS;
}

static void adopt_page(struct store *s, uint32_t n)
{
	struct store_page *page = &s->pages[n];
	unsigned count = 0, max;

	if (!is_sane(page)) {
		page_emptied(s, n);
		return;
	}
	max = capacity(page->units);
	for (unsigned w = 0; w < WORDS; w++) {
		if (max < 64 * (w + 1))
			page->used[w] &= max <= 64 * w ?
				0 : (UINT64_C(1) << (max - 64 * w)) - 1;
		count += __builtin_popcountll(page->used[w]);
	}
	s->info[n].count = count;
	if (count == 0)
		page_emptied(s, n);
	else if (count < max)
		list_add(s, list_of(s, page), n);
}

int store_init(struct store *s, void *pages, uint32_t page_max,
	       _Atomic uint32_t *page_count)
{
	*s = (struct store){ .pages = pages,
			     .page_count = page_count,
			     .page_max = page_max,
			     .empty = NO_PAGE };
	lock_init(&s->lock);
	memset(s->with_room, 0xff, sizeof(s->with_room));
	s->info = calloc(page_max, sizeof(*s->info));
	if (!s->info)
		return -ENOMEM;
	if (*page_count > page_max)
		*page_count = page_max;
	for (uint32_t n = *page_count; n-- > 0;)
		adopt_page(s, n);
	return 0;
}

void store_done(struct store *s)
{
	if (!s->info)
		return;
	free(s->info);
	s->info = NULL;
	lock_done(&s->lock);
}

/* A page for such blocks: NO_PAGE if there are no more. */
static uint32_t page_take(struct store *s, enum store_kind kind, unsigned units)
{
	uint32_t n = s->empty;
	struct store_page *page;

	if (n != NO_PAGE) {
		list_drop(s, &s->empty, n);
		s->empty_count--;
	} else if (*s->page_count < s->page_max) {
		n = (*s->page_count)++;
	} else {
		return NO_PAGE;
	}
	page = &s->pages[n];
	page->kind = kind;
	memset(page->used, 0, sizeof(page->used));
	__atomic_store_n(&page->units, units, __ATOMIC_RELEASE);
	s->info[n].count = 0;
	list_add(s, &s->with_room[kind][units], n);
	return n;
}

static unsigned first_free(const struct store_page *page)
{
	unsigned w = 0;

	while (page->used[w] == UINT64_MAX)
		w++;
	return 64 * w + __builtin_ctzll(~page->used[w]);
}

void *store_alloc(struct store *s, enum store_kind kind, size_t bytes)
{
	unsigned units = (bytes + STORE_UNIT - 1) / STORE_UNIT, nth;
	struct store_page *page;
	uint32_t n;

	lock_scope(&s->lock);
	n = s->with_room[kind][units];
	if (n == NO_PAGE)
		n = page_take(s, kind, units);
	if (n == NO_PAGE)
		return NULL;

	page = &s->pages[n];
	nth = first_free(page);
	page->used[nth / 64] |= UINT64_C(1) << (nth % 64);
	if (++s->info[n].count == capacity(units))
		list_drop(s, list_of(s, page), n);
	return page->blocks + (size_t)nth * units * STORE_UNIT;
}

static uint32_t page_of(const struct store *s, const void *block)
{
	return ((const char *)block - (const char *)s->pages) / STORE_PAGE_BYTES;
}

static unsigned nth_of(const struct store_page *page, const void *block)
{
	return ((const unsigned char *)block - page->blocks) / STORE_UNIT /
	       page->units;
}

void store_free(struct store *s, void *block)
{
	uint32_t n = page_of(s, block);
	struct store_page *page = &s->pages[n];
	unsigned nth = nth_of(page, block);

	lock_scope(&s->lock);
	page->used[nth / 64] &= ~(UINT64_C(1) << (nth % 64));
	if (s->info[n].count-- == capacity(page->units))
		list_add(s, list_of(s, page), n);
	if (s->info[n].count > 0)
		return;
	list_drop(s, list_of(s, page), n);
	page_emptied(s, n);
}

uint32_t store_ref(const struct store *s, const void *block)
{
	if (!block)
		return 0;
	return ((const char *)block - (const char *)s->pages) / STORE_UNIT;
}

void *store_at(const struct store *s, enum store_kind kind, uint32_t ref)
{
	const unsigned per_page = STORE_PAGE_BYTES / STORE_UNIT;
	const unsigned before = offsetof(struct store_page, blocks) / STORE_UNIT;
	uint32_t n = ref / per_page, at = ref % per_page, nth;
	struct store_page *page;

	if (n >= *s->page_count || at < before)
		return NULL;
	page = &s->pages[n];
	at -= before;
	if (!is_sane(page) || page->kind != kind || at % page->units)
		return NULL;
	nth = at / page->units;
	if (nth >= capacity(page->units) ||
	    !(page->used[nth / 64] & UINT64_C(1) << (nth % 64)))
		return NULL;
	return page->blocks + (size_t)at * STORE_UNIT;
}

size_t store_size(const struct store *s, const void *block)
{
	return (size_t)s->pages[page_of(s, block)].units * STORE_UNIT;
}

static void walk_page(struct store_page *page, enum store_kind kind,
		      void (*visit)(void *arg, void *block), void *arg)
{
	size_t bytes = (size_t)page->units * STORE_UNIT;

	if (!page->units || page->kind != kind)
		return;
	for (unsigned w = 0; w < WORDS; w++) {
		/* Of a copy: the visitor may free the block, and so the page. */
		for (uint64_t bits = page->used[w]; bits; bits &= bits - 1)
			visit(arg, page->blocks +
				   (64 * w + __builtin_ctzll(bits)) * bytes);
	}
}

void store_walk(struct store *s, enum store_kind kind,
		void (*visit)(void *arg, void *block), void *arg)
{
	for (uint32_t n = 0; n < *s->page_count; n++)
		walk_page(&s->pages[n], kind, visit, arg);
}
