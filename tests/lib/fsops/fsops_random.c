/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random lists. The names are few, so that operations meet each other and the
 * layers below. Each template is one kind of line; what is in braces is chosen.
 */
#include "config.h"

#include "tests/lib/fsops/fsops.h"

#include <stdlib.h>
#include <string.h>

struct template {
	unsigned weight;
	const char *text;
};

/*
 * P path, D path that is likely a directory, F likely a file, S slot, R slot for
 * reading, W slot for writing, M mode, O offset, L length, N other length, B byte,
 * U user, X xattr name, V value, T time, r flags for reading, w for writing, A acl,
 * 4 a number below 4
 *
 * Not tried at random, for kernel overlay answers in its own way: changing
 * attributes through a descriptor for reading (EEXIST, once the file is unlinked),
 * truncating to the same size (it changes mtime), opening for writing and then
 * writing nothing (it copies up at once, we do when something changes), set-gid files
 * (whoever writes one: FUSE does not say which groups they are in).
 */
static const struct template user_templates[] = {
	{ 6, "create {F} {M}" },
	{ 6, "mkdir {D} {M}" },
	{ 2, "mkdir {D} 2775" },
	{ 1, "fifo {F} {M}" },
	{ 1, "sock {F} {M}" },
	{ 1, "chr {F} {M} 1 3" },
	{ 1, "chr {F} {M} 0 0" },
	{ 3, "symlink {P} {F}" },
	{ 3, "readlink {P}" },
	{ 5, "link {F} {F}" },
	{ 9, "unlink {F}" },
	{ 2, "unlink {D}" },
	{ 6, "rmdir {D}" },
	{ 9, "rename {F} {F}" },
	{ 6, "rename {D} {D}" },
	{ 2, "rename {F} {D}" },
	{ 2, "rename {D} {F}" },
	{ 2, "rename_noreplace {P} {P}" },
	{ 3, "exchange {P} {P}" },
	{ 1, "rename_whiteout {F} {F}" },
	{ 6, "readdir {D}" },
	{ 2, "empty {D}" },
	{ 6, "stat {P}" },
	{ 1, "access {P} 7" },
	{ 4, "chmod {P} {M}" },
	{ 4, "chown {P} {U} {U}" },
	{ 3, "utimens {P} {T} {T}" },
	{ 2, "touch {P}" },
	{ 3, "truncate {F} {N}" },
	{ 4, "setxattr {P} {X} {V}" },
	{ 1, "setxattr_create {P} {X} {V}" },
	{ 1, "setxattr_replace {P} {X} {V}" },
	{ 1, "setxattr_big {F} {X} 3000" },
	{ 2, "getxattr {P} {X}" },
	{ 1, "getxattr_size {P} {X}" },
	{ 2, "listxattr {P}" },
	{ 2, "removexattr {P} {X}" },
	{ 2, "setacl {P} access {A}" },
	{ 2, "setacl {D} default {A}" },
	{ 1, "getacl {P} access" },
	{ 1, "getacl {P} default" },
	{ 6, "open {R} {F} {r} {M}" },
	{ 10, "open {W} {F} {w} {M}" },
	{ 2, "open {R} {D} rdonly|directory" },
	{ 1, "open {W} {D} rdwr|tmpfile {M}" },
	{ 2, "link_open {W} {F}" },
	{ 2, "close {S}" },
	{ 2, "reopen {R} {S} rdonly" },
	{ 4, "pread {S} {O} {L}" },
	{ 6, "pwrite {W} {O} {L} {B}" },
	{ 3, "write {W} {L} {B}" },
	{ 2, "ftruncate {W} {N}" },
	{ 3, "fstat {S}" },
	{ 1, "fchmod {W} {M}" },
	{ 1, "fchown {W} {U} {U}" },
	{ 1, "futimens {W} {T} {T}" },
	{ 1, "fsetxattr {W} {X} {V}" },
	{ 1, "fgetxattr {S} {X}" },
	{ 1, "fsync {S}" },
	{ 1, "fdatasync {S}" },
	{ 1, "fallocate {W} plain {O} {L}" },
	{ 1, "fallocate {W} keep {O} {L}" },
	{ 1, "fallocate {W} punch {O} {L}" },
	{ 1, "copy {S} {O} {W} {O} {L}" },
	{ 2, "mmap_write {W} {O} {L} {B}" },
	{ 2, "map {F}" },
	{ 3, "drop_cache {S}" },
	{ 1, "readdir_open {S}" },
	{ 5, "read {F}" },
	{ 5, "put {F} 0 {L} {B}" },
	{ 1, "put {F} 0 0 0" },
	{ 4, "patch {F} {O} {L} {B}" },
	{ 3, "append {F} {L} {B}" },
	{ 2, "as {U} {U}" },
	{ 7, "as 0 0" },
	{ 1, "umask 022" },
	{ 1, "umask 007" },
	{ 1, "umask 0" },
};

static const struct template move_templates[] = {
	{ 12, "rename {D} {D}" },
	{ 4, "exchange {D} {D}" },
	{ 4, "rename {F} {F}" },
	{ 2, "exchange {F} {F}" },
	{ 5, "mkdir {D} 0755" },
	{ 3, "put {F} 0 {L} {B}" },
	{ 1, "patch {F} {O} {L} {B}" },
	{ 2, "link {F} {F}" },
	{ 2, "unlink {F}" },
	{ 2, "rmdir {D}" },
	{ 1, "empty {D}" },
	{ 2, "chmod {P} 0755" },
	{ 4, "readdir {D}" },
	{ 3, "read {F}" },
	{ 2, "stat {P}" },
};

static const struct template layer_templates[] = {
	{ 16, "put {F} 0 {L} {B}" },
	{ 12, "mkdir {D} {M}" },
	{ 1, "fifo {F} {M}" },
	{ 1, "sock {F} {M}" },
	{ 1, "chr {F} {M} 1 3" },
	{ 3, "symlink {P} {F}" },
	{ 5, "link {F} {F}" },
	{ 4, "whiteout {P}" },
	{ 2, "opaque {D}" },
	{ 4, "chmod {P} {M}" },
	{ 4, "chown {P} {U} {U}" },
	{ 3, "setxattr {P} {X} {V}" },
	{ 2, "setacl {P} access {A}" },
	{ 2, "setacl {D} default {A}" },
	{ 2, "truncate {F} 200000" },
};

/* After a skeleton of directories: what lies where another layer's redirect may lead. */
static const struct template redirect_templates[] = {
	{ 20, "mkdir {D} 0755" },
	{ 5, "put {F} 0 {L} {B}" },
	{ 5, "redirect {D} /{D}" },
	{ 3, "redirect {D} d{4}" },
	{ 2, "opaque {D}" },
	{ 1, "whiteout {D}" },
};

struct rng {
	uint64_t state;
};

/* splitmix64: small, and the same everywhere */
static uint64_t next(struct rng *rng)
{
	uint64_t z = (rng->state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static unsigned below(struct rng *rng, unsigned n)
{
	return (unsigned)(next(rng) % n);
}

#define PICK(rng, table) ((table)[below(rng, sizeof(table) / sizeof(*(table)))])

static void put_dirs(struct rng *rng)
{
	static const unsigned depths[] = { 0, 0, 0, 1, 1, 1, 1, 2, 2, 3 };
	unsigned depth = PICK(rng, depths);

	while (depth--)
		printf("d%u/", below(rng, 4));
}

static void put_dir(struct rng *rng)
{
	put_dirs(rng);
	printf("d%u", below(rng, 4));
}

static void put_file(struct rng *rng)
{
	put_dirs(rng);
	if (below(rng, 12) == 0)
		printf("d%u", below(rng, 4));	/* now and then of the other type */
	else
		printf("f%u", below(rng, 5));
}

static void put_choice(struct rng *rng, char kind)
{
	static const char *const modes[] = {
		"0644", "0755", "0600", "0777", "0400", "0750", "1777", "4755", "0",
	};
	static const unsigned offsets[] = { 0, 1, 100, 511, 4095, 4096, 5000, 65536, 100000 };
	static const unsigned lengths[] = { 1, 10, 100, 4096, 4097, 10000, 70000 };
	static const unsigned users[] = { 0, 0, 1000, 1001 };
	static const char *const xattrs[] = {
		"user.one", "user.two", "trusted.one", "security.one", "user.overlay.opaque",
		"trusted.overlay.opaque",
	};
	static const char *const read_flags[] = {
		"rdonly", "rdonly", "rdonly|nofollow", "rdonly|trunc", "path",
	};
	static const char *const write_flags[] = {
		"wronly", "rdwr", "rdwr", "rdwr|creat", "rdwr|creat|excl", "rdwr|trunc",
		"wronly|append", "rdwr|creat|trunc",
	};
	static const char *const acls[] = {
		"user::7,user:1000:5,group::5,mask::5,other::0",
		"user::6,group::4,group:1001:6,mask::6,other::4",
		"user::7,group::0,other::0",
	};

	switch (kind) {
	case 'P':
		below(rng, 2) ? put_dir(rng) : put_file(rng);
		break;
	case 'D': put_dir(rng); break;
	case 'F': put_file(rng); break;
	case 'S': printf("%u", below(rng, 4)); break;
	case 'M': printf("%s", PICK(rng, modes)); break;
	case 'O': printf("%u", PICK(rng, offsets)); break;
	case 'L': printf("%u", PICK(rng, lengths)); break;
	case 'B': printf("%u", below(rng, 256)); break;
	case '4': printf("%u", below(rng, 4)); break;
	case 'U': printf("%u", PICK(rng, users)); break;
	case 'X': printf("%s", PICK(rng, xattrs)); break;
	case 'V': printf("v%u", below(rng, 100)); break;
	case 'T': printf("%u", 1000000000 + below(rng, 1000)); break;
	case 'R': printf("%u", below(rng, 2)); break;
	case 'W': printf("%u", 2 + below(rng, 2)); break;
	case 'N': printf("%u", 1 + below(rng, 100000)); break;
	case 'r': printf("%s", PICK(rng, read_flags)); break;
	case 'w': printf("%s", PICK(rng, write_flags)); break;
	case 'A': printf("%s", PICK(rng, acls)); break;
	default: abort();
	}
}

static void put_line(struct rng *rng, const char *text)
{
	for (; *text; text++) {
		if (*text == '{') {
			put_choice(rng, text[1]);
			text += 2;
		} else {
			putchar(*text);
		}
	}
	putchar('\n');
}

/* The slot that was opened for writing is written to. */
static void put_user_line(struct rng *rng, const char *text)
{
	static const char *const slots[] = { "2", "3" };
	char line[128];

	if (strncmp(text, "open {W}", 8) != 0) {
		put_line(rng, text);
		return;
	}
	snprintf(line, sizeof(line), "open %s%s", PICK(rng, slots), text + 8);
	put_line(rng, line);
	snprintf(line, sizeof(line), "write %c 10 {B}", line[5]);
	put_line(rng, line);
}

/* Most layers have most of the upper directories, so that they merge. */
static void put_skeleton(struct rng *rng)
{
	unsigned i, j;

	for (i = 0; i < 4; i++) {
		if (below(rng, 5) == 0)
			continue;
		printf("mkdir d%u 0755\n", i);
		for (j = 0; j < 4; j++)
			if (below(rng, 2))
				printf("mkdir d%u/d%u 0755\n", i, j);
	}
}

static const char *pick_template(struct rng *rng, const struct template *table, size_t n)
{
	unsigned total = 0, at;
	size_t i;

	for (i = 0; i < n; i++)
		total += table[i].weight;
	at = below(rng, total);
	for (i = 0; at >= table[i].weight; i++)
		at -= table[i].weight;
	return table[i].text;
}

#define TABLE(t) { t, sizeof(t) / sizeof(*(t)) }

void fsops_generate(enum generate_kind kind, uint64_t seed, long count)
{
	static const struct {
		const struct template *table;
		size_t size;
	} tables[] = {
		[GENERATE_OPS] = TABLE(user_templates),
		[GENERATE_MOVES] = TABLE(move_templates),
		[GENERATE_LAYER] = TABLE(layer_templates),
		[GENERATE_REDIRECTS] = TABLE(redirect_templates),
	};
	bool is_layer = kind == GENERATE_LAYER || kind == GENERATE_REDIRECTS;
	struct rng rng = { seed };

	if (is_layer)
		put_skeleton(&rng);
	for (; count > 0; count--)
		put_user_line(&rng, pick_template(&rng, tables[kind].table, tables[kind].size));
	if (is_layer)
		printf("freeze\n");
}
