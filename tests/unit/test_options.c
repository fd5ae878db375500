/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "unionfs/options.h"

#include <errno.h>
#include <string.h>

#include "common/memory_limit.h"
#include "tests/unit/unit.h"

#define WORDS_MAX 12
#define WORDS(...) { __VA_ARGS__, NULL }

static int warnings;

static void count_warning(const char *option)
{
	warnings++;
}

static int parse(struct options *o, const char *const *words, struct opt_error *e)
{
	int n = 0;

	while (words[n])
		n++;
	warnings = 0;
	options_init(o);
	return options_parse(o, n, (char *const *)words, count_warning, e);
}

static struct options parse_ok(const char *const *words)
{
	struct opt_error e = { "" };
	struct options o;

	ck_assert_msg(parse(&o, words, &e) == 0, "%s", e.text);
	return o;
}

static struct options parse_mount(const char *text)
{
	return parse_ok((const char *const[]){ "-o", text, "/m", NULL });
}

/* What callers really run. */
static const struct {
	const char *words[WORDS_MAX];
	const char *lower, *upper, *work, *mountpoint;
	int ignored;
} callers[] = {
	/* containers-storage */
	{ WORDS("-o", "lowerdir=/s/l/AAA:/s/l/BBB,upperdir=/s/x/diff,workdir=/s/x/work,volatile,fsync=0", "/s/x/merged"),
	  "/s/l/AAA", "/s/x/diff", "/s/x/work", "/s/x/merged", 0 },
	/* the same, with labels and shifted ids */
	{ WORDS("-o", "lowerdir=l/AAA,upperdir=x/diff,workdir=x/work,uidmapping=:0:100000:65536,gidmapping=:0:100000:65536,context=\"system_u:object_r:container_file_t:s0:c1,c2\",,nodev", "x/merged"),
	  "l/AAA", "x/diff", "x/work", "x/merged", 0 },
	/* buildah and podman, for -v x:y:O */
	{ WORDS("-o", "lowerdir=/v,upperdir=/t/upper,workdir=/t/work,private", "/t/merge"),
	  "/v", "/t/upper", "/t/work", "/t/merge", 0 },
	/* containerd's snapshotter, through mount.fuse3 */
	{ WORDS("overlay", "/run/k/rootfs", "-o", "workdir=/sn/4/work", "-o", "upperdir=/sn/4/fs", "-o", "lowerdir=/sn/3/fs:/sn/2/fs", "-o", "rw,dev,suid"),
	  "/sn/3/fs", "/sn/4/fs", "/sn/4/work", "/run/k/rootfs", 0 },
	/* by hand, in the foreground; words of other versions are passed over */
	{ WORDS("-f", "-onoacl,xino=on,static_nlink", "-o", "lowerdir=a,upperdir=b,workdir=c,threaded=1,shiny=1,glitter", "m"),
	  "a", "b", "c", "m", 2 },
	/* fstab leaves its own words */
	{ WORDS("none", "/m", "-o", "lowerdir=a:b,_netdev,x-systemd.automount,nofail"),
	  "a", NULL, NULL, "/m", 0 },
	/* kernel overlay's newer words */
	{ WORDS("-o", "lowerdir+=a,lowerdir+=b,datadir+=d,userxattr,nfs_export=off,uuid=null,override_creds", "m"),
	  "a", NULL, NULL, "m", 0 },
};

START_TEST(what_engines_pass_is_understood)
{
	struct options o = parse_ok(callers[_i].words);
	struct opt_list lower, data;
	struct opt_error e = { "" };

	ck_assert_int_eq(options_layers(&o, &lower, &data, &e), 0);
	ck_assert_str_eq(lower.items[0], callers[_i].lower);
	ck_assert_pstr_eq(o.upperdir, callers[_i].upper);
	ck_assert_pstr_eq(o.workdir, callers[_i].work);
	ck_assert_str_eq(o.mountpoint, callers[_i].mountpoint);
	ck_assert_int_eq(warnings, callers[_i].ignored);
	opt_list_done(&lower);
	opt_list_done(&data);
	options_done(&o);
}
END_TEST

START_TEST(a_label_keeps_its_commas_and_reaches_the_mount)
{
	struct options o = parse_ok(callers[1].words);

	ck_assert_ptr_nonnull(strstr(o.mount_flags, "context=\"system_u:object_r:container_file_t:s0:c1,c2\""));
	ck_assert_ptr_nonnull(strstr(o.mount_flags, "nodev"));
	ck_assert_uint_eq(idmap_to(&o.uid_map, 1), 100001);
	options_done(&o);
}
END_TEST

static const struct { const char *lowerdir; const char *lower, *data; } splits[] = {
	{ "a", "a", "" },
	{ "a:b:c", "a b c", "" },
	{ "a::d", "a", "d" },
	{ "a:b::d::e", "a b", "d e" },
	{ "a\\:b:c", "a:b c", "" },		/* a colon in a name */
	{ "a\\\\:b", "a\\ b", "" },		/* a backslash at a name's end */
	{ "a\\,b", "a,b", "" },			/* a comma in a name */
	{ "\"a,b:c\"", "a,b c", "" },
};

static void check_list(const struct opt_list *list, const char *expect)
{
	char all[256] = "";

	for (size_t i = 0; i < list->count; i++) {
		strcat(all, i ? " " : "");
		strcat(all, list->items[i]);
	}
	ck_assert_str_eq(all, expect);
}

START_TEST(layers_are_split_at_colons_that_are_not_escaped)
{
	char text[256];
	struct opt_list lower, data;
	struct opt_error e = { "" };
	struct options o;

	snprintf(text, sizeof(text), "lowerdir=%s", splits[_i].lowerdir);
	o = parse_mount(text);
	ck_assert_int_eq(options_layers(&o, &lower, &data, &e), 0);
	check_list(&lower, splits[_i].lower);
	check_list(&data, splits[_i].data);
	opt_list_done(&lower);
	opt_list_done(&data);
	options_done(&o);
}
END_TEST

static const char *const bad_lowers[] = {
	"lowerdir=:a", "lowerdir=a:", "lowerdir=::a", "lowerdir=a:::b", "lowerdir=a::",
	"lowerdir=a::d:b",	/* an ordinary layer below a data-only one */
};

START_TEST(a_malformed_layer_list_is_refused_with_the_way_to_write_it)
{
	struct options o = parse_mount(bad_lowers[_i]);
	struct opt_list lower, data;
	struct opt_error e = { "" };

	ck_assert_int_eq(options_layers(&o, &lower, &data, &e), -EINVAL);
	ck_assert_ptr_nonnull(strchr(e.text, '\n'));
	options_done(&o);
}
END_TEST

static const struct { const char *words[WORDS_MAX]; const char *names; } mistakes[] = {
	{ WORDS("-o", "lowerdir=a"), "mountpoint" },
	{ WORDS("m"), "lowerdir" },
	{ WORDS("-o", "upperdir=u,workdir=w", "m"), "lowerdir" },
	{ WORDS("-o", "lowerdir=a,upperdir=u", "m"), "workdir" },
	{ WORDS("-o", "lowerdir=a", "s", "m", "n"), "more than one mountpoint" },
	{ WORDS("-o", "lowerdir=a,xino=maybe", "m"), "xino" },
	{ WORDS("-o", "lowerdir=a,timeout=soon", "m"), "timeout" },
	{ WORDS("-o", "lowerdir=a,timeout=-1", "m"), "timeout" },
	{ WORDS("-o", "lowerdir=a,uidmapping=0:1", "m"), "uidmapping" },
	{ WORDS("-o", "lowerdir=a,squash_to_uid=root", "m"), "squash_to_uid" },
	{ WORDS("-o", "lowerdir=a,xattr_permissions=3", "m"), "xattr_permissions" },
	{ WORDS("-o", "lowerdir=a,redirect_dir=sometimes", "m"), "redirect_dir" },
	{ WORDS("--colour", "-o", "lowerdir=a", "m"), "--colour" },
	{ WORDS("-o"), "-o" },
};

START_TEST(a_mistake_is_named)
{
	struct opt_error e = { "" };
	struct options o;

	ck_assert_int_eq(parse(&o, mistakes[_i].words, &e), -EINVAL);
	ck_assert_msg(strstr(e.text, mistakes[_i].names), "%s", e.text);
	options_done(&o);
}
END_TEST

START_TEST(help_and_version_need_nothing_else)
{
	struct options o = parse_ok((const char *const[]){ "--version", NULL });

	ck_assert(o.version);
	options_done(&o);
	o = parse_ok((const char *const[]){ "-h", NULL });
	ck_assert(o.help);
	options_done(&o);
}
END_TEST

START_TEST(without_an_upper_layer_the_mount_is_read_only)
{
	struct options o = parse_mount("lowerdir=a:b");

	ck_assert(o.read_only);
	ck_assert_ptr_nonnull(strstr(o.mount_flags, ",ro"));
	options_done(&o);

	o = parse_mount("ro,lowerdir=a,upperdir=u,workdir=w,rw");
	ck_assert(!o.read_only);
	options_done(&o);
}
END_TEST

START_TEST(an_id_given_by_number_wins_over_root)
{
	struct options o = parse_mount("lowerdir=a,squash_to_uid=7,squash_to_root");

	ck_assert(o.squashes_uid && o.squashes_gid);
	ck_assert_uint_eq(o.squash_uid, 7);
	ck_assert_uint_eq(o.squash_gid, 0);
	options_done(&o);
}
END_TEST

static const struct {
	const char *options;
	uint64_t limit_bytes;
	unsigned max_inodes;
	size_t table_mib;
} memories[] = {
	{ "lowerdir=a", MEMORY_LIMIT_NONE, 0, 64 },
	{ "lowerdir=a", UINT64_C(64) << 20, 111848, 8 },	/* half of it, at 300 bytes */
	{ "lowerdir=a", UINT64_C(1) << 30, 1789569, 64 },
	{ "lowerdir=a", 4096, 1000, 0 },		/* it would do nothing else */
	{ "lowerdir=a", UINT64_C(1) << 50, 0, 64 },	/* more than can be counted */
	{ "lowerdir=a,max_inodes=0", UINT64_C(64) << 20, 0, 8 },
	{ "lowerdir=a,max_inodes=7", UINT64_C(64) << 20, 7, 8 },
};

START_TEST(what_nobody_said_fits_the_memory)
{
	struct options o = parse_mount(memories[_i].options);

	options_fit_memory(&o, memories[_i].limit_bytes);
	ck_assert_uint_eq(o.max_inodes, memories[_i].max_inodes);
	ck_assert_uint_eq(o.table_bytes >> 20, memories[_i].table_mib);
	options_done(&o);
}
END_TEST

START_TEST(every_row_of_the_help_fits_a_terminal)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	options_print_help("nacre-unionfs", out);
	fclose(out);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		ck_assert_msg(strlen(line) <= 110, "%s", line);
	free(text);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

UNIT_MAIN("options",
	tcase_add_loop_test(tc, what_engines_pass_is_understood, 0, COUNT(callers));
	tcase_add_test(tc, a_label_keeps_its_commas_and_reaches_the_mount);
	tcase_add_loop_test(tc, layers_are_split_at_colons_that_are_not_escaped, 0,
			    COUNT(splits));
	tcase_add_loop_test(tc, a_malformed_layer_list_is_refused_with_the_way_to_write_it,
			    0, COUNT(bad_lowers));
	tcase_add_loop_test(tc, a_mistake_is_named, 0, COUNT(mistakes));
	tcase_add_test(tc, help_and_version_need_nothing_else);
	tcase_add_test(tc, without_an_upper_layer_the_mount_is_read_only);
	tcase_add_test(tc, an_id_given_by_number_wins_over_root);
	tcase_add_loop_test(tc, what_nobody_said_fits_the_memory, 0, COUNT(memories));
	tcase_add_test(tc, every_row_of_the_help_fits_a_terminal);)
