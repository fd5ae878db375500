/* SPDX-License-Identifier: Apache-2.0 */
/* Inodes and names: what is found, what stays, what a node id means later. */
#include "config.h"

#include "unit.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "unionfs/inode.h"

static struct inode_table table;
static struct state *state;
static unsigned released;

static void release(void *arg, struct inode *inode)
{
	released++;
}

static void setup(void)
{
	const struct hash_key key = { { 1, 2 } };

	released = 0;
	state = state_new();
	ck_assert_ptr_nonnull(state);
	state_init(state, &key, 0);
	ck_assert_int_eq(inode_table_init(&table, state, release, NULL), 0);
}

static void teardown(void)
{
	inode_table_done(&table);
	state_free(state);
}

/* An inode as a lookup makes it: a name, found by its key, counted once. */
static struct inode *born(struct inode *parent, const char *text, uint64_t ino,
			  uint8_t type, unsigned layer)
{
	struct inode *inode;

	rwlock_write_scope(&table.lock);
	inode = inode_new(&table, type);
	ck_assert_ptr_nonnull(inode);
	inode->layer = layer;
	inode->nlookup = 1;
	ck_assert_ptr_nonnull(name_add(&table, parent, text, inode, layer));
	inode_hash(&table, inode, (struct inode_key){ ino, 0 });
	return inode;
}

static struct inode *find(uint64_t ino)
{
	rwlock_read_scope(&table.lock);
	return inode_find(&table, (struct inode_key){ ino, 0 });
}

static struct name *named_locked(struct inode *parent, const char *text)
	REQUIRES_SHARED(table.lock);
static struct name *named_locked(struct inode *parent, const char *text)
{
	return name_find(&table, parent->slot, text);
}

static unsigned resident_pages_of(void *memory, size_t bytes)
{
	unsigned char pages[CHUNK_SLOTS];
	unsigned count = 0;

	ck_assert_uint_le(bytes / 4096, sizeof(pages));
	ck_assert_int_eq(mincore(memory, bytes, pages), 0);
	for (size_t i = 0; i < bytes / 4096; i++)
		count += pages[i] & 1;
	return count;
}

static struct name *named(struct inode *parent, const char *text)
{
	rwlock_read_scope(&table.lock);
	return name_find(&table, parent->slot, text);
}

START_TEST(root_has_node_id_1)
{
	ck_assert_uint_eq(inode_node_id(inode_at(&table, 0)), INODE_ROOT_ID);
	ck_assert_ptr_eq(inode_by_node_id(&table, 1), inode_at(&table, 0));
	inode_forget(&table, INODE_ROOT_ID, 100);
	ck_assert_ptr_nonnull(inode_by_node_id(&table, 1));
}
END_TEST

START_TEST(a_forgotten_id_is_stale_though_its_slot_is_used_again)
{
	struct inode *root = inode_at(&table, 0);
	struct inode *a = born(root, "a", 10, DT_REG, 0), *b;
	uint64_t id = inode_node_id(a);

	inode_forget(&table, id, 1);
	ck_assert_uint_eq(released, 1);
	ck_assert_ptr_null(named(root, "a"));
	b = born(root, "b", 11, DT_REG, 0);
	ck_assert_uint_eq(b->slot, (uint32_t)id - 1);
	ck_assert_ptr_null(inode_by_node_id(&table, id));
	ck_assert_ptr_eq(inode_by_node_id(&table, inode_node_id(b)), b);
}
END_TEST

/* The worker dies; another goes on with what it left in the state. */
static void succeed(void)
{
	struct inode_table dead = table;

	/* Only what is in the state counts: the rest may say what it likes. */
	for (uint32_t i = 0; i < table.slot_count; i++) {
		if (!inode_is_live(&table, i))
			continue;
		inode_at(&table, i)->names = (void *)1;
		inode_at(&table, i)->dir = (void *)1;
		inode_at(&table, i)->refs = 77;
		inode_at(&table, i)->real_next = 12345;
	}
	ck_assert_int_eq(inode_table_adopt(&table, state, release, NULL), 0);
	free(dead.chunks);
	free(dead.real_heads);
	free(dead.origin_heads);
	free(dead.name_heads);
	free(dead.store.info);
}

START_TEST(a_successor_finds_what_was_there)
{
	struct inode *d = born(inode_at(&table, 0), "d", 10, DT_DIR, 1);
	struct inode *f = born(d, "f", 11, DT_REG, 1);
	uint64_t id = inode_node_id(f);
	struct name *n;

	rwlock_take_write(&table.lock);
	name_add(&table, d, "link", f, 1);
	inode_alias(&table, f, (struct inode_key){ 12, 3 });
	name_remove(&table, named_locked(d, "f"));
	rwlock_drop_write(&table.lock);
	succeed();

	ck_assert_ptr_eq(inode_by_node_id(&table, id), f);
	ck_assert_ptr_eq(find(11), f);
	ck_assert_ptr_eq(find(10), d);
	ck_assert_ptr_null(named(d, "f"));
	n = named(d, "link");
	ck_assert_ptr_nonnull(n);
	ck_assert_uint_eq(n->inode, f->slot);
	ck_assert_uint_eq(d->refs, 2);	/* the name that is gone holds it too */

	inode_forget(&table, id, 1);
	inode_forget(&table, inode_node_id(d), 1);
	ck_assert_uint_eq(released, 2);
	ck_assert_ptr_null(inode_by_node_id(&table, id));
}
END_TEST

START_TEST(a_successor_drops_what_was_not_finished)
{
	struct inode *root = inode_at(&table, 0);
	struct inode *nameless, *whole = born(root, "whole", 20, DT_REG, 0);
	struct name *half;

	rwlock_take_write(&table.lock);
	nameless = inode_new(&table, DT_REG);
	nameless->nlookup = 1;
	half = name_add(&table, root, "half", whole, 0);
	half->length = 0;		/* as before its last store */
	name_add(&table, whole, "in a file", whole, 0);
	rwlock_drop_write(&table.lock);
	succeed();

	ck_assert(!inode_is_live(&table, nameless->slot));
	ck_assert_ptr_null(named(root, "half"));
	ck_assert_ptr_nonnull(named(root, "whole"));
	ck_assert_ptr_eq(whole->names, named(root, "whole"));
	ck_assert_ptr_null(whole->names->inode_next);
	ck_assert_ptr_ne(born(root, "new", 30, DT_REG, 0), whole);
}
END_TEST

START_TEST(a_successor_of_many_finds_each)
{
	char text[16];

	for (unsigned i = 0; i < 5000; i++) {
		snprintf(text, sizeof(text), "n%u", i);
		born(inode_at(&table, 0), text, 1000 + i, DT_REG, 0);
	}
	succeed();
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(text, sizeof(text), "n%u", i);
		ck_assert_ptr_eq(named(inode_at(&table, 0), text),
				 find(1000 + i)->names);
	}
	ck_assert_ptr_null(find(1));
	ck_assert_ptr_null(find(6000));
}
END_TEST

START_TEST(ids_stay_stale_when_the_memory_was_given_back)
{
	enum { COUNT = 64 * CHUNK_SLOTS };
	struct inode *root = inode_at(&table, 0);
	static uint64_t ids[COUNT];
	char text[16];

	for (unsigned i = 0; i < COUNT; i++) {
		snprintf(text, sizeof(text), "n%u", i);
		ids[i] = inode_node_id(born(root, text, 1000 + i, DT_REG, 0));
	}
	for (unsigned i = 0; i < COUNT; i++)
		inode_forget(&table, ids[i], 1);
	ck_assert_uint_eq(resident_pages_of(inode_at(&table, 60 * CHUNK_SLOTS),
					    CHUNK_SLOTS * sizeof(struct inode)), 0);
	succeed();
	for (unsigned i = 0; i < COUNT; i++) {
		snprintf(text, sizeof(text), "n%u", i);
		born(inode_at(&table, 0), text, 1000 + i, DT_REG, 0);
	}
	for (unsigned i = 0; i < COUNT; i++)
		ck_assert_ptr_null(inode_by_node_id(&table, ids[i]));
}
END_TEST

START_TEST(a_directory_stays_while_a_name_is_in_it)
{
	struct inode *d = born(inode_at(&table, 0), "d", 10, DT_DIR, 0);
	struct inode *f = born(d, "f", 11, DT_REG, 0);

	inode_forget(&table, inode_node_id(d), 1);
	ck_assert_uint_eq(released, 0);
	inode_forget(&table, inode_node_id(f), 1);
	ck_assert_uint_eq(released, 2);
}
END_TEST

START_TEST(a_chain_of_ten_thousand_directories_needs_no_stack)
{
	struct inode *dir = inode_at(&table, 0);

	for (unsigned i = 0; i < 10000; i++) {
		struct inode *child = born(dir, "x", 100 + i, DT_DIR, 0);

		if (dir->slot != 0)
			inode_forget(&table, inode_node_id(dir), 1);
		dir = child;
	}
	ck_assert_uint_eq(released, 0);
	inode_forget(&table, inode_node_id(dir), 1);
	ck_assert_uint_eq(released, 10000);
}
END_TEST

START_TEST(a_hard_link_is_two_names_of_one_inode)
{
	struct inode *root = inode_at(&table, 0);
	struct inode *f = born(root, "a", 10, DT_REG, 0);

	rwlock_write_scope(&table.lock);
	ck_assert_ptr_nonnull(name_add(&table, root, "b", f, 0));
	name_remove(&table, name_find(&table, 0, "a"));
	ck_assert_ptr_null(name_find(&table, 0, "a"));
	ck_assert_str_eq(name_of(f, 0)->text, "b");
}
END_TEST

START_TEST(a_removed_lower_name_still_says_where_the_object_is)
{
	struct inode *root = inode_at(&table, 0);
	struct inode *f = born(root, "a", 10, DT_REG, 3);

	rwlock_write_scope(&table.lock);
	name_remove(&table, name_find(&table, 0, "a"));
	ck_assert_ptr_null(name_find(&table, 0, "a"));
	ck_assert_ptr_null(name_live(f, 3));
	ck_assert_str_eq(name_of(f, 3)->text, "a");
	ck_assert_ptr_null(name_of(f, 0));
}
END_TEST

START_TEST(a_copied_up_inode_is_found_by_its_new_key_and_its_alias)
{
	struct inode *f = born(inode_at(&table, 0), "a", 10, DT_REG, 1);

	rwlock_take_write(&table.lock);
	inode_hash(&table, f, (struct inode_key){ 77, 0 });
	rwlock_drop_write(&table.lock);
	ck_assert_ptr_null(find(10));
	ck_assert_ptr_eq(find(77), f);
	rwlock_take_write(&table.lock);
	inode_alias(&table, f, (struct inode_key){ 10, 0 });
	rwlock_drop_write(&table.lock);
	ck_assert_ptr_eq(find(10), f);
}
END_TEST

START_TEST(all_are_found_after_the_tables_have_grown)
{
	struct inode *root = inode_at(&table, 0);
	char text[16];

	for (unsigned i = 0; i < 20000; i++) {
		snprintf(text, sizeof(text), "n%u", i);
		born(root, text, 1000 + i, DT_REG, 0);
	}
	for (unsigned i = 0; i < 20000; i++) {
		struct inode *inode = find(1000 + i);

		snprintf(text, sizeof(text), "n%u", i);
		ck_assert_ptr_nonnull(inode);
		ck_assert_ptr_eq(named(root, text), inode->names);
	}
}
END_TEST

enum { MANY = 5000 };

START_TEST(that_most_inodes_are_gone_is_said_once)
{
	struct inode *root = inode_at(&table, 0), *inodes[MANY];
	unsigned times = 0;
	char text[16];

	for (unsigned i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "%u", i);
		inodes[i] = born(root, text, 1000 + i, DT_REG, 0);
		times += inode_table_has_shrunk(&table);
	}
	ck_assert_uint_eq(times, 0);
	for (unsigned i = 0; i < MANY; i++) {
		inode_forget(&table, inode_node_id(inodes[i]), 1);
		times += inode_table_has_shrunk(&table);
	}
	ck_assert_uint_eq(times, 1);
}
END_TEST

START_TEST(an_inode_with_its_name_takes_at_most_300_bytes)
{
	ck_assert_uint_le(sizeof(struct inode) + sizeof(struct name) + 32, 300);
}
END_TEST

UNIT_MAIN("inode",
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, root_has_node_id_1);
	tcase_add_test(tc, a_forgotten_id_is_stale_though_its_slot_is_used_again);
	tcase_add_test(tc, a_successor_finds_what_was_there);
	tcase_add_test(tc, a_successor_drops_what_was_not_finished);
	tcase_add_test(tc, a_successor_of_many_finds_each);
	tcase_add_test(tc, ids_stay_stale_when_the_memory_was_given_back);
	tcase_add_test(tc, a_directory_stays_while_a_name_is_in_it);
	tcase_add_test(tc, a_chain_of_ten_thousand_directories_needs_no_stack);
	tcase_add_test(tc, a_hard_link_is_two_names_of_one_inode);
	tcase_add_test(tc, a_removed_lower_name_still_says_where_the_object_is);
	tcase_add_test(tc, a_copied_up_inode_is_found_by_its_new_key_and_its_alias);
	tcase_add_test(tc, all_are_found_after_the_tables_have_grown);
	tcase_add_test(tc, that_most_inodes_are_gone_is_said_once);
	tcase_add_test(tc, an_inode_with_its_name_takes_at_most_300_bytes);
)
