/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/oci_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "common/buf.h"
#include "common/cleanup.h"

/* Each word sets or clears flags of the mount alone, or of all below it too. */
static const struct option_word {
	const char *word;
	uint64_t set, clear;
	bool below;		/* "rro": with all mounts below */
} flag_words[] = {
	{ "ro", MOUNT_ATTR_RDONLY, 0, false },
	{ "rw", 0, MOUNT_ATTR_RDONLY, false },
	{ "nosuid", MOUNT_ATTR_NOSUID, 0, false },
	{ "suid", 0, MOUNT_ATTR_NOSUID, false },
	{ "nodev", MOUNT_ATTR_NODEV, 0, false },
	{ "dev", 0, MOUNT_ATTR_NODEV, false },
	{ "noexec", MOUNT_ATTR_NOEXEC, 0, false },
	{ "exec", 0, MOUNT_ATTR_NOEXEC, false },
	{ "noatime", MOUNT_ATTR_NOATIME, 0, false },
	{ "atime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME, false },
	{ "relatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME, false },
	{ "norelatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME, false },
	{ "strictatime", MOUNT_ATTR_STRICTATIME, 0, false },
	{ "nostrictatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME, false },
	{ "nodiratime", MOUNT_ATTR_NODIRATIME, 0, false },
	{ "diratime", 0, MOUNT_ATTR_NODIRATIME, false },
	{ "nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0, false },
	{ "symfollow", 0, MOUNT_ATTR_NOSYMFOLLOW, false },
	{ "defaults", 0, 0, false },
	{ "rro", MOUNT_ATTR_RDONLY, 0, true },
	{ "rrw", 0, MOUNT_ATTR_RDONLY, true },
	{ "rnosuid", MOUNT_ATTR_NOSUID, 0, true },
	{ "rsuid", 0, MOUNT_ATTR_NOSUID, true },
	{ "rnodev", MOUNT_ATTR_NODEV, 0, true },
	{ "rdev", 0, MOUNT_ATTR_NODEV, true },
	{ "rnoexec", MOUNT_ATTR_NOEXEC, 0, true },
	{ "rexec", 0, MOUNT_ATTR_NOEXEC, true },
	{ "rnoatime", MOUNT_ATTR_NOATIME, 0, true },
	{ "ratime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME, true },
	{ "rrelatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME, true },
	{ "rnorelatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME, true },
	{ "rstrictatime", MOUNT_ATTR_STRICTATIME, 0, true },
	{ "rnostrictatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME, true },
	{ "rnodiratime", MOUNT_ATTR_NODIRATIME, 0, true },
	{ "rdiratime", 0, MOUNT_ATTR_NODIRATIME, true },
	{ "rnosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0, true },
	{ "rsymfollow", 0, MOUNT_ATTR_NOSYMFOLLOW, true },
};

static const struct { const char *word; uint64_t flags; } propagation_words[] = {
	{ "private", MS_PRIVATE },	  { "rprivate", MS_PRIVATE | MS_REC },
	{ "slave", MS_SLAVE },		  { "rslave", MS_SLAVE | MS_REC },
	{ "shared", MS_SHARED },	  { "rshared", MS_SHARED | MS_REC },
	{ "unbindable", MS_UNBINDABLE },  { "runbindable", MS_UNBINDABLE | MS_REC },
};

/* Words with a meaning of their own, besides "bind" and "rbind". */
static const char *const other_words[] = {
	"bind", "rbind", "tmpcopyup", "idmap", "ridmap", "remount",
};

/*
 * Words of mount(8) about the whole file system. A bind shows one that is mounted
 * already, so there they say nothing.
 */
static const char *const fs_words[] = {
	"async", "sync", "dirsync", "lazytime", "nolazytime", "mand", "nomand",
};

/* Nothing is left of these in the kernel: it counts versions and speaks as it likes. */
static const char *const void_words[] = { "loud", "silent", "iversion", "noiversion" };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

uint64_t oci_propagation(const char *word)
{
	for (size_t i = 0; i < COUNT(propagation_words); i++)
		if (strcmp(propagation_words[i].word, word) == 0)
			return propagation_words[i].flags;
	return 0;
}

void oci_mount_options(void (*each)(const char *word, void *context), void *context)
{
	for (size_t i = 0; i < COUNT(flag_words); i++)
		each(flag_words[i].word, context);
	for (size_t i = 0; i < COUNT(propagation_words); i++)
		each(propagation_words[i].word, context);
	for (size_t i = 0; i < COUNT(other_words); i++)
		each(other_words[i], context);
	for (size_t i = 0; i < COUNT(fs_words); i++)
		each(fs_words[i], context);
	for (size_t i = 0; i < COUNT(void_words); i++)
		each(void_words[i], context);
}

static bool is_among(const char *word, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(words[i], word) == 0)
			return true;
	return false;
}

static const struct option_word *find_flag(const char *word)
{
	for (size_t i = 0; i < COUNT(flag_words); i++)
		if (strcmp(flag_words[i].word, word) == 0)
			return &flag_words[i];
	return NULL;
}

/* A later word overrides an earlier one. */
static void apply_flag(struct plan_mount *m, const struct option_word *w)
{
	uint64_t *set = w->below ? &m->rec_set : &m->attr_set;
	uint64_t *clear = w->below ? &m->rec_clear : &m->attr_clear;

	*set = (*set & ~w->clear) | w->set;
	*clear = (*clear & ~w->set) | w->clear;
}

static void read_option(struct plan_mount *m, const char *word, struct buf *data)
{
	const struct option_word *flag = find_flag(word);
	uint64_t propagation = oci_propagation(word);

	if (flag) {
		apply_flag(m, flag);
	} else if (propagation) {
		m->propagation = propagation;
	} else if (strcmp(word, "bind") == 0 || strcmp(word, "rbind") == 0) {
		m->kind = MOUNT_KIND_BIND;
		m->recursive = word[0] == 'r';
	} else if (strcmp(word, "tmpcopyup") == 0) {
		m->copy_up = true;
	} else if (strcmp(word, "idmap") == 0 || strcmp(word, "ridmap") == 0) {
		m->idmapped = true;
	} else if (strcmp(word, "remount") == 0) {
		m->remount = true;
	} else if (!is_among(word, void_words, COUNT(void_words))) {
		buf_addf(data, "%s%s", data->length ? "," : "", word);
	}
}

static void read_options(const struct oci_reader *r, struct plan_mount *m)
{
	struct opt_list words = { 0 };
	struct buf data = BUF_INIT;

	oci_strings(r, "options", &words);
	for (size_t i = 0; i < words.count; i++)
		read_option(m, words.items[i], &data);
	opt_list_done(&words);
	if (buf_error(&data))
		oci_no_memory(r);
	if (m->remount && data.length)
		oci_fail(r, "options", "'%s' cannot be changed by a remount", buf_text(&data));
	m->data = data.data;
}

/* A bind takes no options of a file system. */
static void check_bind(const struct oci_reader *r, struct plan_mount *m)
{
	cleanup_free char *copy = m->data ? strdup(m->data) : NULL;
	char *rest = NULL;

	for (char *word = copy ? strtok_r(copy, ",", &rest) : NULL; word;
	     word = strtok_r(NULL, ",", &rest))
		if (!is_among(word, fs_words, COUNT(fs_words)))
			oci_fail(r, "options", "'%s' is no option of a bind mount", word);
	free(take_ptr(m->data));
}

static void read_mount(const struct oci_reader *r, const char *bundle, struct plan *p)
{
	const char *type = oci_peek(r, "type");
	const char *source = oci_peek(r, "source");
	const char *target = oci_peek(r, "destination");
	cleanup_free char *path = NULL;
	struct plan_mount *m;

	if (!target || !*target) {
		oci_fail(r, "destination", "is missing");
		return;
	}
	m = plan_add_mount(p, MOUNT_KIND_FS, type, source, target, NULL);
	if (!m) {
		oci_no_memory(r);
		return;
	}
	if (type && strcmp(type, "bind") == 0)
		m->kind = MOUNT_KIND_BIND;
	read_options(r, m);

	if (m->remount) {
		m->kind = MOUNT_KIND_FS;	/* no source to be bound */
		return;
	}
	if (m->kind == MOUNT_KIND_BIND) {
		check_bind(r, m);
		if (!source || !*source) {
			oci_fail(r, "source", "is missing");
			return;
		}
		if (source[0] != '/' && asprintf(&path, "%s/%s", bundle, source) >= 0) {
			free(m->source);
			m->source = take_ptr(path);
		}
		m->idmapped |= oci_length(r, "uidMappings") || oci_length(r, "gidMappings");
		oci_read_idmap(r, "uidMappings", &m->uids);
		oci_read_idmap(r, "gidMappings", &m->gids);
		if (!m->uids.count != !m->gids.count)
			oci_fail(r, "uidMappings", "must come with gidMappings");
		return;
	}
	if (!type || !*type)
		oci_fail(r, "type", "is missing");
	else if (strncmp(type, "cgroup", 6) == 0 && (!type[6] || strcmp(type, "cgroup2") == 0))
		m->kind = MOUNT_KIND_CGROUP;
}

void oci_read_mounts(const struct oci_reader *r, const char *bundle, struct plan *p)
{
	size_t count = oci_length(r, "mounts");

	for (size_t i = 0; i < count && !*r->error; i++) {
		struct oci_reader item = oci_item(r, "mounts", i);

		read_mount(&item, bundle, p);
	}
}
