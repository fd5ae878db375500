/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/opt.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "tests/unit/unit.h"

struct config {
	bool ro;
	char *lower;
	struct opt_list env;
	unsigned threads;
	uint64_t memory_bytes;
};

static const struct opt rows[] = {
	{ "ro", 'r', OPT_FLAG, offsetof(struct config, ro), NULL, "read-only" },
	{ "lower", 'l', OPT_STRING, offsetof(struct config, lower), "DIR", "a layer" },
	{ "env", 'e', OPT_LIST, offsetof(struct config, env), "K=V", "a variable" },
	{ "threads", 0, OPT_UINT, offsetof(struct config, threads), "N", "threads" },
	{ "memory", 'm', OPT_PARSE, offsetof(struct config, memory_bytes), "SIZE",
	  "limit", opt_parse_size },
};
static const struct opt_table table = OPT_TABLE(rows);

#define WORDS(...)                                                             \
	(const char *[]){ __VA_ARGS__ },                                       \
		sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *)

static int parse(struct config *c, struct opt_list *operands,
		 struct opt_error *e, const char **words, size_t n)
{
	return opt_parse_args(&table, (int)n, (char *const *)words, c, operands, e);
}

START_TEST(every_form_of_an_option_is_understood)
{
	struct config c = { 0 };
	struct opt_error e = { "" };

	ck_assert_int_eq(parse(&c, NULL, &e, WORDS("-r", "--lower=A", "-eX=1", "-e", "Y=2",
						   "--threads", "7", "-m", "512M", "cmd", "-r")), 9);
	ck_assert(c.ro);
	ck_assert_str_eq(c.lower, "A");
	ck_assert_uint_eq(c.env.count, 2);
	ck_assert_str_eq(c.env.items[1], "Y=2");
	ck_assert_uint_eq(c.threads, 7);
	ck_assert_uint_eq(c.memory_bytes, 512ull << 20);
	opt_config_done(&table, &c);
}
END_TEST

START_TEST(operands_may_stand_between_options)
{
	struct config c = { 0 };
	struct opt_list operands = { 0 };
	struct opt_error e = { "" };

	ck_assert_int_eq(parse(&c, &operands, &e, WORDS("a", "-r", "--", "-b")), 4);
	ck_assert(c.ro);
	ck_assert_uint_eq(operands.count, 2);
	ck_assert_str_eq(operands.items[1], "-b");
	opt_list_done(&operands);
}
END_TEST

static const struct { const char *word; const char *names; } bad_words[] = {
	{ "--nonsense", "--nonsense" },
	{ "--lower", "--lower" },	/* the value is missing */
	{ "-z", "-z" },
	{ "--threads=x", "'x' is not a number" },
	{ "--threads=-1", "'-1' is not a number" },
	{ "--memory=5Q", "5Q" },
	{ "--memory=99999999999T", "too large" },
};

START_TEST(a_wrong_word_is_named_in_the_error)
{
	struct config c = { 0 };
	struct opt_error e = { "" };

	ck_assert_int_eq(parse(&c, NULL, &e, WORDS(bad_words[_i].word)), -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.text, bad_words[_i].names));
}
END_TEST

static const struct { const char *text, *lower; bool ro; } mounts[] = {
	{ "lower=A:B,ro", "A:B", true },
	{ ",,lower=A,,ro,", "A", true },	/* podman leaves empty options */
	{ "lower=\"a,b\",ro", "a,b", true },	/* quotes keep a comma */
	{ "lower=a\\,b,ro", "a,b", true },	/* so does a backslash */
	{ "lower=a\\:b", "a\\:b", false },	/* the layer list's own escape */
	{ "lower=a\\\\,ro", "a\\\\", true },	/* an escaped backslash ends nothing */
};

START_TEST(mount_options_may_hold_commas_quotes_and_backslashes)
{
	struct config c = { 0 };
	struct opt_error e = { "" };

	ck_assert_int_eq(opt_parse_mount(&table, mounts[_i].text, &c, NULL, &e), 0);
	ck_assert_str_eq(c.lower, mounts[_i].lower);
	ck_assert_int_eq(c.ro, mounts[_i].ro);
	opt_config_done(&table, &c);
}
END_TEST

START_TEST(an_open_quote_is_an_error)
{
	struct config c = { 0 };
	struct opt_error e = { "" };

	ck_assert_int_eq(opt_parse_mount(&table, "lower=\"a,b", &c, NULL, &e), -EINVAL);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

UNIT_MAIN("opt",
	tcase_add_test(tc, every_form_of_an_option_is_understood);
	tcase_add_test(tc, operands_may_stand_between_options);
	tcase_add_loop_test(tc, a_wrong_word_is_named_in_the_error, 0, COUNT(bad_words));
	tcase_add_loop_test(tc, mount_options_may_hold_commas_quotes_and_backslashes, 0,
			    COUNT(mounts));
	tcase_add_test(tc, an_open_quote_is_an_error);)
