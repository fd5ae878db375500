/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/idmap.h"

#include <errno.h>

#include "tests/unit/unit.h"

static const struct { const char *text; uint32_t id, there; } shifts[] = {
	{ "0:100000:65536", 0, 100000 },
	{ "0:100000:65536", 65535, 165535 },
	{ "0:100000:65536", 65536, ID_OVERFLOW },	/* one past the end */
	{ ":0:100000:65536", 7, 100007 },	/* as containers-storage writes it */
	{ "0:1000:1:1:100000:999", 0, 1000 },	/* rootless podman's usual pair */
	{ "0:1000:1:1:100000:999", 1, 100000 },
	{ "0:1000:1:1:100000:999", 999, 100998 },
	{ "0:1000:1:1:100000:999", 1000, ID_OVERFLOW },
	{ "0:0:4294967295", 4294967294u, 4294967294u },	/* all there are */
};

START_TEST(an_id_is_shifted_both_ways)
{
	struct idmap map = IDMAP_INIT;
	struct opt_error e = { "" };
	uint32_t back;

	ck_assert_int_eq(idmap_parse(shifts[_i].text, &map, &e), 0);
	ck_assert_uint_eq(idmap_to(&map, shifts[_i].id), shifts[_i].there);
	if (shifts[_i].there != ID_OVERFLOW) {
		ck_assert_int_eq(idmap_from(&map, shifts[_i].there, &back), 0);
		ck_assert_uint_eq(back, shifts[_i].id);
	}
	idmap_done(&map);
}
END_TEST

START_TEST(an_id_in_no_range_cannot_be_stored)
{
	struct idmap map = IDMAP_INIT;
	uint32_t id = 1;

	ck_assert_int_eq(idmap_add(&map, 0, 100000, 10), 0);
	ck_assert_int_eq(idmap_from(&map, 99999, &id), -EOVERFLOW);
	ck_assert_int_eq(idmap_from(&map, 100010, &id), -EOVERFLOW);
	ck_assert_uint_eq(id, 1);	/* untouched on failure */
	idmap_done(&map);
}
END_TEST

START_TEST(an_empty_map_changes_nothing)
{
	struct idmap map = IDMAP_INIT;
	uint32_t id;

	ck_assert_uint_eq(idmap_to(&map, 4294967294u), 4294967294u);
	ck_assert_int_eq(idmap_from(&map, 5, &id), 0);
	ck_assert_uint_eq(id, 5);
}
END_TEST

static const char *const bad_maps[] = {
	"", ":", "0", "0:1", "0:1:2:", "0:1:2:3", "a:1:2", "0:1:-2", " 0:1:2", "0::1:2",
	"0:1:0",			/* empty range */
	"0:1:4294967295",		/* runs past the last id */
	"4294967295:0:1",		/* not an id at all */
	"0:4294967296:1",		/* more than 32 bits */
	"0:0:10:9:100:10",		/* overlap before */
	"0:0:10:100:9:10",		/* overlap after */
};

START_TEST(a_malformed_map_is_refused_and_changes_nothing)
{
	struct idmap map = IDMAP_INIT;
	struct opt_error e = { "" };

	ck_assert_int_eq(idmap_add(&map, 1, 2, 3), 0);
	ck_assert_int_eq(idmap_parse(bad_maps[_i], &map, &e), -EINVAL);
	ck_assert_str_ne(e.text, "");
	ck_assert_uint_eq(idmap_to(&map, 1), 2);
	idmap_done(&map);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

UNIT_MAIN("idmap",
	tcase_add_loop_test(tc, an_id_is_shifted_both_ways, 0, COUNT(shifts));
	tcase_add_test(tc, an_id_in_no_range_cannot_be_stored);
	tcase_add_test(tc, an_empty_map_changes_nothing);
	tcase_add_loop_test(tc, a_malformed_map_is_refused_and_changes_nothing, 0,
			    COUNT(bad_maps));)
