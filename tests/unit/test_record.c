/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/record.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static int record_fd;
static struct record *record;

static void setup(void)
{
	ck_assert_int_eq(record_new(1000, &record_fd, &record), 0);
}

static void teardown(void)
{
	record_unmap(record);
	close(record_fd);
}

static void decide(struct record_slot *slot, uint64_t unique, const char *body,
		   size_t bytes)
{
	struct fusek_out_header out = { .unique = unique };
	struct iovec iov[2] = {
		{ &out, sizeof(out) },
		{ (void *)body, bytes },
	};

	out.len = (uint32_t)(sizeof(out) + bytes);
	record_decide(slot, iov, 2);
}

START_TEST(state_is_zero_and_seen_by_another_mapping)
{
	struct record *other;
	char *state = record_state(record);

	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(state[i], 0);
	strcpy(state, "kept");
	ck_assert_int_eq(record_map(record_fd, &other), 0);
	ck_assert_str_eq(record_state(other), "kept");
	record_unmap(other);
}
END_TEST

START_TEST(a_foreign_version_is_refused)
{
	struct record *other;

	record->version++;
	ck_assert_int_eq(record_map(record_fd, &other), -EPROTO);
	record->version--;
	record->state_offset = record->bytes + 1;
	ck_assert_int_eq(record_map(record_fd, &other), -EPROTO);
	ck_assert_int_eq(ftruncate(record_fd, 100), 0);
	ck_assert_int_eq(record_map(record_fd, &other), -EPROTO);
}
END_TEST

START_TEST(a_decided_reply_survives_its_worker)
{
	struct record_slot *slot = record_slot_take(record);
	uint64_t lost[RECORD_SLOTS];
	struct record_reply *reply;

	record_begin(slot, 42, 10);
	decide(slot, 42, "body", 4);
	ck_assert_uint_eq(record_adopt(record, lost), 1);
	ck_assert_uint_eq(lost[0], 42);

	/* It comes again with the resend bit. */
	reply = record_orphan(record, 42 | FUSEK_UNIQUE_RESEND);
	ck_assert_ptr_nonnull(reply);
	ck_assert_uint_eq(reply->bytes, sizeof(struct fusek_out_header) + 4);
	ck_assert_mem_eq(reply->data + sizeof(struct fusek_out_header), "body", 4);

	/* And survives the next worker, too, until it was sent. */
	ck_assert_uint_eq(record_adopt(record, lost), 0);
	reply = record_orphan(record, 42);
	ck_assert_ptr_nonnull(reply);
	record_orphan_sent(reply);
	ck_assert_ptr_null(record_orphan(record, 42));
}
END_TEST

START_TEST(a_sent_reply_is_forgotten)
{
	struct record_slot *slot = record_slot_take(record);
	uint64_t lost[RECORD_SLOTS];

	record_begin(slot, 42, 10);
	decide(slot, 42, "", 0);
	record_sent(slot);
	record_end(slot);
	ck_assert_uint_eq(record_adopt(record, lost), 0);
	ck_assert_ptr_null(record_orphan(record, 42));
	ck_assert_uint_eq(record_replies(record), 1);
}
END_TEST

START_TEST(a_reply_too_large_to_keep_is_not_kept_in_part)
{
	static const char body[RECORD_REPLY_BYTES];
	struct record_slot *slot = record_slot_take(record);
	uint64_t lost[RECORD_SLOTS];

	record_begin(slot, 42, 15);
	decide(slot, 42, body, sizeof(body));
	ck_assert_uint_eq(record_adopt(record, lost), 1);
	ck_assert_ptr_null(record_orphan(record, 42));
}
END_TEST

static void die_over(uint64_t unique, bool crashed)
{
	uint64_t lost[RECORD_SLOTS];

	record_begin(record_slot_take(record), unique, 15);
	atomic_store(&record->crashed, crashed);
	ck_assert_uint_eq(record_adopt(record, lost), 1);
}

START_TEST(a_request_that_crashes_every_worker_is_poison)
{
	for (int i = 0; i < RECORD_CRASHES_ALLOWED; i++) {
		ck_assert(!record_is_poison(record, 42));
		die_over(42 | (i ? FUSEK_UNIQUE_RESEND : 0), true);
	}
	ck_assert(record_is_poison(record, 42 | FUSEK_UNIQUE_RESEND));
	ck_assert(!record_is_poison(record, 44));
}
END_TEST

START_TEST(a_kill_is_not_the_fault_of_a_request)
{
	for (int i = 0; i < 10; i++)
		die_over(42, false);
	ck_assert(!record_is_poison(record, 42));
}
END_TEST

START_TEST(many_suspects_do_not_hide_the_culprit)
{
	for (uint64_t i = 0; i < RECORD_CRASHES_ALLOWED; i++) {
		die_over(42, true);
		for (uint64_t j = 0; j < RECORD_SUSPECTS - 1; j++)
			die_over(1000 + i * 100 + j, true);
	}
	ck_assert(record_is_poison(record, 42));
}
END_TEST

START_TEST(slots_run_out_without_harm_and_come_back)
{
	struct record_slot *slots[RECORD_SLOTS];

	for (int i = 0; i < RECORD_SLOTS; i++) {
		slots[i] = record_slot_take(record);
		ck_assert_ptr_nonnull(slots[i]);
	}
	ck_assert_ptr_null(record_slot_take(record));
	record_begin(NULL, 1, 1);
	decide(NULL, 1, "", 0);
	record_sent(NULL);
	record_end(NULL);
	record_slot_give(slots[7]);
	ck_assert_ptr_eq(record_slot_take(record), slots[7]);
}
END_TEST

START_TEST(requests_are_counted_by_opcode)
{
	struct record_slot *a = record_slot_take(record);
	struct record_slot *b = record_slot_take(record);

	record_begin(a, 2, 1);
	record_begin(b, 4, 1);
	record_begin(a, 6, 4096);
	ck_assert_uint_eq(record_requests(record, 1), 2);
	ck_assert_uint_eq(record_requests(record, 0), 1);
	ck_assert_uint_eq(record_requests(record, 4096), 0);
}
END_TEST

UNIT_MAIN("record",
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, state_is_zero_and_seen_by_another_mapping);
	tcase_add_test(tc, a_foreign_version_is_refused);
	tcase_add_test(tc, a_decided_reply_survives_its_worker);
	tcase_add_test(tc, a_sent_reply_is_forgotten);
	tcase_add_test(tc, a_reply_too_large_to_keep_is_not_kept_in_part);
	tcase_add_test(tc, a_request_that_crashes_every_worker_is_poison);
	tcase_add_test(tc, a_kill_is_not_the_fault_of_a_request);
	tcase_add_test(tc, many_suspects_do_not_hide_the_culprit);
	tcase_add_test(tc, slots_run_out_without_harm_and_come_back);
	tcase_add_test(tc, requests_are_counted_by_opcode);)
