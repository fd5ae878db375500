/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes and POSIX ACLs. */
#include "config.h"

#include "tests/lib/fsops/fsops.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "common/cleanup.h"

#define XATTR_MAX 65536

static long do_setxattr(struct fsops *ops, const struct arg *a)
{
	return neg(lsetxattr(a[0].text, a[1].text, a[2].text, strlen(a[2].text), 0));
}

static long do_setxattr_create(struct fsops *ops, const struct arg *a)
{
	return neg(lsetxattr(a[0].text, a[1].text, a[2].text, strlen(a[2].text),
			     XATTR_CREATE));
}

static long do_setxattr_replace(struct fsops *ops, const struct arg *a)
{
	return neg(lsetxattr(a[0].text, a[1].text, a[2].text, strlen(a[2].text),
			     XATTR_REPLACE));
}

static long do_setxattr_big(struct fsops *ops, const struct arg *a)
{
	size_t size = (size_t)a[2].number;
	cleanup_free char *value = malloc(size + 1);

	if (!value)
		return -ENOMEM;
	fill_pattern(value, size, 'a', 0);
	return neg(lsetxattr(a[0].text, a[1].text, value, size, 0));
}

static long show_value(struct fsops *ops, const char *value, ssize_t n)
{
	if (n < 0)
		return -errno;
	if (n > 64)
		show(ops, "hash=%016llx", (unsigned long long)hash_bytes(HASH_START, value, (size_t)n));
	else
		show_quoted(ops->detail_out, value, (size_t)n);
	return n;
}

static long do_getxattr(struct fsops *ops, const struct arg *a)
{
	cleanup_free char *value = malloc(XATTR_MAX);

	if (!value)
		return -ENOMEM;
	return show_value(ops, value, lgetxattr(a[0].text, a[1].text, value, XATTR_MAX));
}

/* Programs ask for the size first, or give too little room. */
static long do_getxattr_size(struct fsops *ops, const struct arg *a)
{
	char small[1];
	long n = neg(lgetxattr(a[0].text, a[1].text, small, sizeof(small)));

	show(ops, "size=%ld", neg(lgetxattr(a[0].text, a[1].text, NULL, 0)));
	return n;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static long do_listxattr(struct fsops *ops, const struct arg *a)
{
	cleanup_free char *list = malloc(XATTR_MAX);
	char *names[256], *p;
	size_t n = 0, i;
	ssize_t size;

	if (!list)
		return -ENOMEM;
	size = llistxattr(a[0].text, list, XATTR_MAX);
	if (size < 0)
		return -errno;
	for (p = list; p < list + size && n < 256; p += strlen(p) + 1)
		names[n++] = p;
	qsort(names, n, sizeof(*names), compare_names);
	for (i = 0; i < n; i++)
		show(ops, "%s,", names[i]);
	return (long)n;
}

static long do_removexattr(struct fsops *ops, const struct arg *a)
{
	return neg(lremovexattr(a[0].text, a[1].text));
}

static long do_fsetxattr(struct fsops *ops, const struct arg *a)
{
	return neg(fsetxattr(ops->fds[a[0].number], a[1].text, a[2].text,
			     strlen(a[2].text), 0));
}

static long do_fgetxattr(struct fsops *ops, const struct arg *a)
{
	char value[256];

	return show_value(ops, value, fgetxattr(ops->fds[a[0].number], a[1].text, value,
						sizeof(value)));
}

/* --- ACLs, in the kernel's form; written as user::7,user:1000:5,mask::5,... --- */

struct acl_entry {
	uint16_t tag, perm;
	uint32_t id;
};

struct acl {
	uint32_t version;		/* 2 */
	struct acl_entry entries[16];
};

static const struct { const char *name; uint16_t tag, tag_with_id; } acl_tags[] = {
	{ "user", 0x01, 0x02 },
	{ "group", 0x04, 0x08 },
	{ "mask", 0x10, 0x10 },
	{ "other", 0x20, 0x20 },
};

#define ACL_TAG_COUNT (sizeof(acl_tags) / sizeof(*acl_tags))

static bool parse_acl_entry(const char *text, struct acl_entry *entry)
{
	unsigned perm, id = 0;
	char name[8];
	size_t i;
	bool with_id = sscanf(text, "%7[a-z]:%u:%u", name, &id, &perm) == 3;

	if (!with_id && sscanf(text, "%7[a-z]::%u", name, &perm) != 2)
		return false;
	for (i = 0; i < ACL_TAG_COUNT; i++)
		if (!strcmp(name, acl_tags[i].name))
			break;
	if (i == ACL_TAG_COUNT)
		return false;
	entry->tag = with_id ? acl_tags[i].tag_with_id : acl_tags[i].tag;
	entry->perm = (uint16_t)perm;
	entry->id = with_id ? id : (uint32_t)-1;
	return true;
}

static const char *acl_xattr(const char *which)
{
	return strcmp(which, "default") ? "system.posix_acl_access" :
					  "system.posix_acl_default";
}

static long do_setacl(struct fsops *ops, const struct arg *a)
{
	cleanup_free char *copy = strdup(a[2].text);
	struct acl acl = { .version = 2 };
	char *word, *save;
	size_t n = 0;

	if (!copy)
		return -ENOMEM;
	for (word = strtok_r(copy, ",", &save); word && n < 16;
	     word = strtok_r(NULL, ",", &save))
		if (!parse_acl_entry(word, &acl.entries[n++]))
			return -EBADMSG;
	return neg(lsetxattr(a[0].text, acl_xattr(a[1].text), &acl,
			     sizeof(acl.version) + n * sizeof(*acl.entries), 0));
}

static void show_acl_entry(struct fsops *ops, const struct acl_entry *entry)
{
	size_t i;

	for (i = 0; i < ACL_TAG_COUNT; i++) {
		if (entry->tag == acl_tags[i].tag)
			show(ops, "%s::%u,", acl_tags[i].name, entry->perm);
		else if (entry->tag == acl_tags[i].tag_with_id)
			show(ops, "%s:%u:%u,", acl_tags[i].name, entry->id, entry->perm);
	}
}

static long do_getacl(struct fsops *ops, const struct arg *a)
{
	struct acl acl;
	ssize_t n = lgetxattr(a[0].text, acl_xattr(a[1].text), &acl, sizeof(acl));
	size_t i;

	if (n < 0)
		return -errno;
	for (i = 0; sizeof(acl.version) + i * sizeof(*acl.entries) < (size_t)n; i++)
		show_acl_entry(ops, &acl.entries[i]);
	return (long)i;
}

const struct verb fsops_xattr_verbs[] = {
	{ "setxattr", "pt?t", do_setxattr },
	{ "setxattr_create", "pt?t", do_setxattr_create },
	{ "setxattr_replace", "pt?t", do_setxattr_replace },
	{ "setxattr_big", "ptn", do_setxattr_big },
	{ "getxattr", "pt", do_getxattr },
	{ "getxattr_size", "pt", do_getxattr_size },
	{ "listxattr", "p", do_listxattr },
	{ "removexattr", "pt", do_removexattr },
	{ "fsetxattr", "st?t", do_fsetxattr },
	{ "fgetxattr", "st", do_fgetxattr },
	{ "setacl", "ptt", do_setacl },
	{ "getacl", "pt", do_getacl },
	{ 0 },
};
