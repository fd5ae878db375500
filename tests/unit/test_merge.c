/* SPDX-License-Identifier: Apache-2.0 */
/* The table of a directory's names: found, listed in a stable order, counted. */
#include "config.h"

#include "unit.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "unionfs/merge.h"

#define MANY 5000

static struct merge_cache cache;
static struct merge *table;

static void setup(void)
{
	merge_cache_init(&cache, 1 << 20);
	cache.key = (struct hash_key){ { 3, 4 } };
	table = merge_new();
	ck_assert_ptr_nonnull(table);
}

static void teardown(void)
{
	merge_free(table);
	merge_cache_done(&cache);
}

static const char *text_of(unsigned n)
{
	static char text[16];

	snprintf(text, sizeof(text), "name%u", n);
	return text;
}

static void add(unsigned n)
{
	struct merge_entry *e = merge_add(&cache, table, text_of(n));

	ck_assert_ptr_nonnull(e);
	e->ino = n;
	merge_set(table, e, MERGE_VISIBLE);
}

static void drop(unsigned n)
{
	merge_remove(table, merge_find(&cache, table, text_of(n)));
}

/* List all; @seen counts how often each comes. */
static unsigned list(uint64_t cookie, unsigned char seen[2 * MANY])
{
	struct merge_entry *e;
	unsigned count = 0;

	for (; (e = merge_next(table, cookie)); cookie = e->hash, count++) {
		ck_assert_uint_gt(e->hash, cookie);
		seen[e->ino]++;
	}
	return count;
}

START_TEST(each_name_is_found_and_listed_once)
{
	unsigned char seen[2 * MANY] = { 0 };

	for (unsigned i = 0; i < MANY; i++)
		add(i);
	ck_assert_uint_eq(list(0, seen), MANY);
	for (unsigned i = 0; i < MANY; i++) {
		ck_assert_uint_eq(seen[i], 1);
		ck_assert_uint_eq(merge_find(&cache, table, text_of(i))->ino, i);
	}
	ck_assert_ptr_null(merge_find(&cache, table, "missing"));
	ck_assert_uint_eq(table->visible, MANY);
}
END_TEST

START_TEST(listing_goes_on_where_it_was_while_names_come_and_go)
{
	unsigned char seen[2 * MANY] = { 0 };
	struct merge_entry *e;
	uint64_t cookie = 0;
	unsigned next = MANY;

	for (unsigned i = 0; i < MANY; i++)
		add(i);
	/* After each name: it goes, and another comes. The table grows, too. */
	while ((e = merge_next(table, cookie))) {
		bool was_there = e->ino < MANY;

		seen[e->ino]++;
		cookie = e->hash;
		if (was_there) {
			drop(e->ino);
			add(next++);
		}
	}
	for (unsigned i = 0; i < MANY; i++)
		ck_assert_uint_eq(seen[i], 1);
	for (unsigned i = MANY; i < 2 * MANY; i++)
		ck_assert_uint_le(seen[i], 1);
}
END_TEST

START_TEST(a_table_built_again_has_the_same_order)
{
	uint64_t cookies[100];
	struct merge_entry *e;
	uint64_t cookie = 0;

	for (unsigned i = 0; i < 100; i++)
		add(i);
	for (unsigned i = 0; i < 100; i++) {
		e = merge_next(table, cookie);
		cookies[i] = cookie = e->hash;
	}
	merge_free(table);
	table = merge_new();
	for (unsigned i = 2000; i-- > 0;)	/* among others, backwards */
		add(i);
	for (unsigned i = 100; i < 2000; i++)
		drop(i);
	cookie = 0;
	for (unsigned i = 0; i < 100; i++) {
		e = merge_next(table, cookie);
		ck_assert_uint_eq(e->hash, cookies[i]);
		cookie = e->hash;
	}
}
END_TEST

START_TEST(whiteouts_are_found_but_not_listed)
{
	unsigned char seen[2 * MANY] = { 0 };
	struct merge_entry *e;

	add(1);
	e = merge_find(&cache, table, text_of(1));
	merge_set(table, e, MERGE_WHITEOUT | MERGE_BELOW);
	ck_assert_uint_eq(list(0, seen), 0);
	ck_assert_uint_eq(table->visible, 0);
	ck_assert_ptr_nonnull(merge_find(&cache, table, text_of(1)));
}
END_TEST

START_TEST(memory_is_counted_and_given_back)
{
	size_t empty, grown;
	struct merge_entry *e;

	for (unsigned i = 0; i < 1000; i++)
		add(i);
	for (unsigned i = 0; i < 1000; i++)
		drop(i);
	empty = table->bytes;
	add(1);
	e = merge_find(&cache, table, text_of(1));
	e->layer = 1;
	for (unsigned layer = 2; layer < 250; layer++)
		ck_assert_int_eq(merge_add_layer(table, e, layer), 0);
	grown = table->bytes;
	ck_assert_uint_eq(e->layers[0], 249);
	ck_assert_uint_eq(e->layers[1], 1);
	ck_assert_uint_eq(e->layers[249], 249);
	ck_assert_uint_ge(grown, empty + 250 * sizeof(uint16_t));
	drop(1);
	ck_assert_uint_eq(table->bytes, empty);
}
END_TEST

UNIT_MAIN("merge",
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, each_name_is_found_and_listed_once);
	tcase_add_test(tc, listing_goes_on_where_it_was_while_names_come_and_go);
	tcase_add_test(tc, a_table_built_again_has_the_same_order);
	tcase_add_test(tc, whiteouts_are_found_but_not_listed);
	tcase_add_test(tc, memory_is_counted_and_given_back);
)
