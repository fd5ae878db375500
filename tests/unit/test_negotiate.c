/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/negotiate.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/fuse_kernel.h"
#include "common/session_impl.h"
#include "tests/unit/unit.h"

static struct session_config config;
static struct session session;
static struct fuse_conn_info conn;

static void offer(uint64_t flags, unsigned minor)
{
	struct {
		struct fusek_in_header header;
		struct fusek_init_in init;
	} request = {
		.header = { .opcode = FUSEK_OP_INIT, .unique = 2 },
		.init = { .major = 7, .minor = minor },
	};

	request.init.flags = (uint32_t)flags;
	request.init.flags2 = (uint32_t)(flags >> 32);
	ck_assert_int_eq(negotiate_record(&session, &request, sizeof(request)), 0);
	negotiate_begin(&session, &conn);
}

static void setup(void)
{
	memset(&config, 0, sizeof(config));
	memset(&conn, 0, sizeof(conn));
	session = (struct session){ .config = &config };
	ck_assert_int_eq(record_new(0, &session.state_fd, &session.record), 0);
}

static void teardown(void)
{
	record_unmap(session.record);
	close(session.state_fd);
}

/* The flags that leave for the kernel when libfuse asked for @flags. */
static uint64_t reply(uint32_t flags, struct fusek_init_out *out)
{
	struct fusek_out_header header = { .unique = 2 };
	struct iovec iov[2] = { { &header, sizeof(header) }, { out, sizeof(*out) } };

	*out = (struct fusek_init_out){ .major = 7, .minor = 38, .flags = flags };
	negotiate_end(&session, &conn);
	negotiate_reply(&session, iov, 2);
	return out->flags | (uint64_t)out->flags2 << 32;
}

#define ALL (FUSEK_INIT_EXT | FUSEK_HANDLE_KILLPRIV_V2 | FUSEK_PASSTHROUGH | \
	     FUSEK_HAS_RESEND | FUSEK_ALLOW_IDMAP | FUSEK_PARALLEL_DIROPS |  \
	     FUSEK_WRITEBACK_CACHE)

START_TEST(what_is_offered_and_wanted_is_asked_for)
{
	struct fusek_init_out out;
	uint64_t flags;

	offer(ALL, 45);
	ck_assert(negotiate_want(&session, SESSION_PASSTHROUGH));
	ck_assert(negotiate_want(&session, SESSION_HANDLE_KILLPRIV_V2));
	session_set_stack_depth(&session, 2);
	flags = reply(1, &out);

	ck_assert(flags & FUSEK_INIT_EXT);
	ck_assert(flags & FUSEK_PASSTHROUGH);
	ck_assert(flags & FUSEK_HANDLE_KILLPRIV_V2);
	ck_assert(flags & FUSEK_HAS_RESEND);	/* the session's own wish */
	ck_assert(flags & 1);			/* libfuse's stay */
	ck_assert(!(flags & FUSEK_ALLOW_IDMAP));	/* nobody asked */
	ck_assert_uint_eq(out.max_stack_depth, 2);
	ck_assert_uint_eq(out.minor, 40);
	ck_assert(negotiate_has(&session, SESSION_PASSTHROUGH));
	ck_assert(!negotiate_has(&session, SESSION_ALLOW_IDMAP));
}
END_TEST

START_TEST(what_is_not_offered_is_never_asked_for)
{
	struct fusek_init_out out;

	offer(1, 31);
	for (int f = 0; f < SESSION_FEATURE_COUNT; f++)
		ck_assert(!negotiate_want(&session, (enum session_feature)f));
	ck_assert_uint_eq(reply(1, &out), 1);
	ck_assert_uint_eq(out.minor, 38);	/* libfuse's */
}
END_TEST

START_TEST(flags2_counts_only_with_init_ext)
{
	offer(FUSEK_PASSTHROUGH | FUSEK_HANDLE_KILLPRIV_V2, 45);
	ck_assert(!negotiate_want(&session, SESSION_PASSTHROUGH));
	ck_assert(negotiate_want(&session, SESSION_HANDLE_KILLPRIV_V2));
}
END_TEST

START_TEST(passthrough_and_writeback_exclude_each_other)
{
	struct fusek_init_out out;
	uint64_t flags;

	offer(ALL, 45);
	conn.want |= FUSE_CAP_WRITEBACK_CACHE;
	ck_assert(!negotiate_want(&session, SESSION_PASSTHROUGH));

	/* The other way round, it shows at the end. */
	conn.want = 0;
	ck_assert(negotiate_want(&session, SESSION_PASSTHROUGH));
	conn.want |= FUSE_CAP_WRITEBACK_CACHE;
	flags = reply((uint32_t)FUSEK_WRITEBACK_CACHE, &out);
	ck_assert(flags & FUSEK_WRITEBACK_CACHE);
	ck_assert(!(flags & FUSEK_PASSTHROUGH));
	ck_assert(!negotiate_has(&session, SESSION_PASSTHROUGH));
}
END_TEST

START_TEST(id_mapping_needs_default_permissions)
{
	struct fusek_init_out out;

	offer(ALL, 45);
	ck_assert(!negotiate_want(&session, SESSION_ALLOW_IDMAP));
	config.default_permissions = true;
	ck_assert(negotiate_want(&session, SESSION_ALLOW_IDMAP));
	ck_assert(reply(0, &out) & FUSEK_ALLOW_IDMAP);
	ck_assert_uint_eq(out.minor, 41);
}
END_TEST

START_TEST(parallel_lookups_are_asked_for_although_libfuse_forgets)
{
	struct fusek_init_out out;

	offer(ALL, 45);
	conn.want |= FUSE_CAP_PARALLEL_DIROPS;
	ck_assert(reply(0, &out) & FUSEK_PARALLEL_DIROPS);
}
END_TEST

START_TEST(a_successor_gets_what_was_granted_and_no_more)
{
	struct fusek_init_out out;

	offer(ALL, 45);
	ck_assert(negotiate_want(&session, SESSION_PASSTHROUGH));
	reply(0, &out);

	atomic_store(&session.record->generation, 1);
	negotiate_begin(&session, &conn);
	ck_assert(negotiate_want(&session, SESSION_PASSTHROUGH));
	ck_assert(!negotiate_want(&session, SESSION_HANDLE_KILLPRIV_V2));
	reply(0, &out);
	ck_assert(negotiate_has(&session, SESSION_PASSTHROUGH));
	ck_assert(negotiate_has(&session, SESSION_RESEND));
}
END_TEST

START_TEST(a_refusal_and_a_short_reply_are_left_alone)
{
	struct fusek_out_header header = { .unique = 2, .error = -EPROTO };
	uint32_t body[6] = { 7, 22 };
	struct iovec iov[2] = { { &header, sizeof(header) }, { body, sizeof(body) } };

	offer(ALL, 45);
	negotiate_end(&session, &conn);
	negotiate_reply(&session, iov, 1);
	header.error = 0;
	negotiate_reply(&session, iov, 2);
	ck_assert_uint_eq(body[3], 0);
	ck_assert(!negotiate_has(&session, SESSION_RESEND));
}
END_TEST

START_TEST(something_else_than_init_is_refused)
{
	struct fusek_in_header header = { .opcode = 1 };

	ck_assert_int_eq(negotiate_record(&session, &header, sizeof(header)),
			 -EPROTO);
	header.opcode = FUSEK_OP_INIT;
	ck_assert_int_eq(negotiate_record(&session, &header, sizeof(header)),
			 -EPROTO);
	ck_assert_int_eq(negotiate_record(&session, &header, 1 << 20), -EPROTO);
}
END_TEST

UNIT_MAIN("negotiate",
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, what_is_offered_and_wanted_is_asked_for);
	tcase_add_test(tc, what_is_not_offered_is_never_asked_for);
	tcase_add_test(tc, flags2_counts_only_with_init_ext);
	tcase_add_test(tc, passthrough_and_writeback_exclude_each_other);
	tcase_add_test(tc, id_mapping_needs_default_permissions);
	tcase_add_test(tc, parallel_lookups_are_asked_for_although_libfuse_forgets);
	tcase_add_test(tc, a_successor_gets_what_was_granted_and_no_more);
	tcase_add_test(tc, a_refusal_and_a_short_reply_are_left_alone);
	tcase_add_test(tc, something_else_than_init_is_refused);)
