/* SPDX-License-Identifier: Apache-2.0 */
/* A whole tree as text, one line for each object, sorted by name. */
#include "config.h"

#include "tests/lib/fsops/fsops.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/cleanup.h"

#define XATTR_MAX   65536
#define MAX_OBJECTS 65536

/*
 * What two unions may store differently and mean the same. Origin, impure,
 * nlink and uuid only help the one that wrote them to find numbers again;
 * whether a file whose mode was changed holds its data is a question of its
 * size to one and of options to the other; and a redirect may stand on a directory
 * or on one above it. The trees tell if these are right.
 */
static const char *const free_to_differ[] = {
	"trusted.overlay.origin",  "trusted.overlay.impure", "trusted.overlay.nlink",
	"trusted.overlay.uuid",	   "trusted.overlay.upper",  "trusted.overlay.metacopy",
	"trusted.overlay.literal", "trusted.overlay.redirect",
};

struct seen {
	ino_t ino;
	dev_t dev;
	char *name;
};

struct dump {
	enum dump_kind kind;
	FILE *out;
	size_t seen_count;
	struct seen seen[MAX_OBJECTS];	/* files of several names */
};

#define SHOWN_MAX 80	/* of longer names the beginning and a hash say enough */

void show_quoted(FILE *out, const char *bytes, size_t size)
{
	const char *all = bytes;
	size_t whole = size;

	if (size > SHOWN_MAX)
		size = 8;
	for (; size; size--, bytes++) {
		unsigned char c = (unsigned char)*bytes;

		if (isgraph(c) && c != '\\')
			fputc(c, out);
		else
			fprintf(out, "\\x%02x", c);
	}
	if (whole > SHOWN_MAX)
		fprintf(out, "...%zu:%08x", whole,
			(unsigned)hash_bytes(HASH_START, all, whole));
}

/* Of several names of one file the later ones say which was the first. */
static void dump_link(struct dump *d, const char *name, const struct stat *st)
{
	size_t i;

	if (S_ISDIR(st->st_mode) || st->st_nlink < 2)
		return;
	for (i = 0; i < d->seen_count; i++) {
		if (d->seen[i].ino == st->st_ino && d->seen[i].dev == st->st_dev) {
			fprintf(d->out, " link-of=");
			show_quoted(d->out, d->seen[i].name, strlen(d->seen[i].name));
			return;
		}
	}
	if (d->seen_count < MAX_OBJECTS)
		d->seen[d->seen_count++] = (struct seen){ st->st_ino, st->st_dev, strdup(name) };
}

/*
 * A rename that fails leaves the kernel's mark on the directory that did not move. It
 * changes nothing in the tree, but adds up in long histories: with FSOPS_ANY_OPAQUE in
 * the environment only the trees say which directories hide what.
 */
static bool is_opaque_free(void)
{
	return getenv("FSOPS_ANY_OPAQUE");
}

static bool may_differ(const struct dump *d, const char *name)
{
	size_t i;

	if (!strcmp(name, "trusted.overlay.opaque") && is_opaque_free())
		return d->kind == DUMP_UPPER;
	for (i = 0; i < sizeof(free_to_differ) / sizeof(*free_to_differ); i++)
		if (!strcmp(name, free_to_differ[i]))
			return d->kind == DUMP_UPPER;
	return false;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void dump_xattr(const struct dump *d, const char *path, const char *name)
{
	char value[XATTR_MAX];
	ssize_t n = lgetxattr(path, name, value, sizeof(value));

	fprintf(d->out, " %s=", name);
	if (n < 0)
		fprintf(d->out, "(%s)", strerrorname_np(errno));
	else if (n > 64)
		fprintf(d->out, "#%016llx", (unsigned long long)hash_bytes(HASH_START, value, (size_t)n));
	else
		show_quoted(d->out, value, (size_t)n);
}

/* @path is relative to the current directory: xattrs have no *at() calls. */
static void dump_xattrs(const struct dump *d, const char *path)
{
	static char list[XATTR_MAX];
	ssize_t size = llistxattr(path, list, sizeof(list));
	char *names[256], *p;
	size_t n = 0, i;

	if (size < 0)
		fprintf(d->out, " listxattr(%s)", strerrorname_np(errno));
	for (p = list; size > 0 && p < list + size && n < 256; p += strlen(p) + 1)
		if (!may_differ(d, p))
			names[n++] = p;
	qsort(names, n, sizeof(*names), compare_names);
	for (i = 0; i < n; i++)
		dump_xattr(d, path, names[i]);
}

static void dump_content(const struct dump *d, const char *path)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	uint64_t hash;
	long n = fd < 0 ? -errno : read_hash(fd, 0, SIZE_MAX, &hash);

	if (n < 0)
		fprintf(d->out, " content(%s)", strerrorname_np((int)-n));
	else
		fprintf(d->out, " content=%ld:%016llx", n, (unsigned long long)hash);
}

static void dump_target(const struct dump *d, const char *path)
{
	char target[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target));

	fprintf(d->out, " -> ");
	if (n < 0)
		fprintf(d->out, "(%s)", strerrorname_np(errno));
	else
		show_quoted(d->out, target, (size_t)n);
}

/*
 * Of a file with several names one union copies one name up and finds the
 * others by its index, another links all that it knows.
 */
static bool is_free_to_be(const struct dump *d, const struct stat *st)
{
	return d->kind == DUMP_UPPER && !S_ISDIR(st->st_mode) && st->st_nlink > 1;
}

static bool is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

static void dump_object(struct dump *d, const char *shown, const char *path,
			const struct stat *st)
{
	show_quoted(d->out, shown, strlen(shown));
	fprintf(d->out, " ");
	if (d->kind == DUMP_UPPER && is_whiteout(st)) {
		fprintf(d->out, "whiteout\n");	/* links, mode and times mean nothing */
		return;
	}
	show_stat(d->out, st);
	dump_link(d, shown, st);
	if (S_ISREG(st->st_mode) && d->kind != DUMP_UPPER)
		dump_content(d, path);
	if (S_ISLNK(st->st_mode))
		dump_target(d, path);
	dump_xattrs(d, path);
	if (d->kind == DUMP_LAYER)
		fprintf(d->out, " ctime=%lld.%09ld", (long long)st->st_ctim.tv_sec,
		       st->st_ctim.tv_nsec);
	fprintf(d->out, "\n");
}

static int not_dots(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int dump_dir(struct dump *d, const char *shown);

static bool is_opaque(const char *dir)
{
	return !is_opaque_free() &&
	       lgetxattr(dir, "trusted.overlay.opaque", NULL, 0) >= 0;
}

/* Enters directories one by one: a tree may be deeper than a path can say. */
static int dump_subdir(struct dump *d, const char *shown, const char *name)
{
	cleanup_fd int back = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (back < 0 || chdir(name) < 0)
		return -errno;
	r = dump_dir(d, shown);
	if (r == 0 && fchdir(back) < 0)
		r = -errno;
	return r;
}

/*
 * An upper directory that is not opaque and holds nothing to be compared is only
 * a copy, and says nothing that the tree does not.
 */
static int dump_dir_entry(struct dump *d, const char *shown, const char *name,
			  const struct stat *st)
{
	cleanup_free char *below = NULL;
	FILE *out = d->out;
	size_t size;
	int r;

	d->out = open_memstream(&below, &size);
	if (!d->out)
		return -ENOMEM;
	r = dump_subdir(d, shown, name);
	fclose(d->out);
	d->out = out;
	if (d->kind != DUMP_UPPER || size || is_opaque(name))
		dump_object(d, shown, name, st);
	fwrite(below, 1, size, out);
	return r;
}

static int dump_entry(struct dump *d, const char *parent, const struct dirent *entry)
{
	cleanup_free char *shown = NULL;
	struct stat st;

	if (asprintf(&shown, "%s%s%s", parent, *parent ? "/" : "", entry->d_name) < 0)
		return -ENOMEM;
	if (is_ghost(AT_FDCWD, entry->d_name))
		return 0;
	if (lstat(entry->d_name, &st) < 0) {
		fprintf(d->out, "%s lstat(%s)\n", shown, strerrorname_np(errno));
		return 0;
	}
	if (S_ISDIR(st.st_mode))
		return dump_dir_entry(d, shown, entry->d_name, &st);
	if (is_whiteout(&st) || !is_free_to_be(d, &st))
		dump_object(d, shown, entry->d_name, &st);
	return 0;
}

static int dump_dir(struct dump *d, const char *shown)
{
	struct dirent **entries;
	int n = scandir(".", &entries, not_dots, by_bytes), i, r = 0;

	if (n < 0)
		return -errno;
	for (i = 0; i < n; i++) {
		if (r == 0)
			r = dump_entry(d, shown, entries[i]);
		free(entries[i]);
	}
	free(entries);
	return r;
}

int fsops_dump(enum dump_kind kind)
{
	struct dump *d = calloc(1, sizeof(*d));
	struct stat st;
	int r = -errno;

	if (!d)
		return -ENOMEM;
	d->kind = kind;
	d->out = stdout;
	if (lstat(".", &st) == 0) {
		dump_object(d, ".", ".", &st);
		r = dump_dir(d, "");
	}
	while (d->seen_count)
		free(d->seen[--d->seen_count].name);
	free(d);
	return r;
}
