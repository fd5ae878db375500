/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/image_store_collect.c - forgetting images, and removing what no one uses */
#include "config.h"
#include "launcher/image_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/image_store_impl.h"
#include "launcher/tree.h"

static bool names_layer(const struct image_records *records, const char *hex)
{
	for (size_t i = 0; i < records->count; i++)
		for (size_t k = 0; k < records->items[i].layer_count; k++)
			if (strcmp(digest_hex(&records->items[i].layers[k].chain), hex) == 0)
				return true;
	return false;
}

static bool names_blob(const struct image_records *records, const char *hex)
{
	for (size_t i = 0; i < records->count; i++)
		if (strcmp(digest_hex(&records->items[i].id), hex) == 0 ||
		    strcmp(digest_hex(&records->items[i].manifest), hex) == 0)
			return true;
	return false;
}

/* Out of the way at once; its removal may take longer than the lock should. */
static int remove_layer(struct image_store *s, const char *hex)
{
	cleanup_fd int fd = neg_errno(openat(s->layers_fd, hex, O_RDONLY | O_DIRECTORY |
					     O_NOFOLLOW | O_CLOEXEC));
	char name[160];

	if (fd < 0)
		return fd;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? 0 : -errno;	/* a container runs on it */
	snprintf(name, sizeof(name), "%d-%s", getpid(), hex);
	if (renameat(s->layers_fd, hex, s->tmp_fd, name) < 0)
		return -errno;
	return tree_remove(s->tmp_fd, name);
}

struct collect {
	struct image_store *store;
	const struct image_records *records;
	int dir_fd;
	int error;
};

static void collect_layer(struct collect *c, const char *name)
{
	int r = names_layer(c->records, name) ? 0 : remove_layer(c->store, name);

	if (r < 0 && !c->error)
		c->error = r;
}

static void collect_blob(struct collect *c, const char *name)
{
	if (!names_blob(c->records, name) && unlinkat(c->dir_fd, name, 0) < 0 && !c->error)
		c->error = -errno;
}

static int for_each_in(struct collect *c, int dir_fd, const char *dir,
		       void (*call)(struct collect *c, const char *name))
{
	int fd = openat(dir_fd, dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_dir DIR *list = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!list) {
		int r = errno == ENOENT ? 0 : -errno;

		if (fd >= 0)
			close(fd);
		return r;
	}
	c->dir_fd = fd;
	while ((entry = readdir(list)))
		if (entry->d_name[0] != '.')
			call(c, entry->d_name);
	return c->error;
}

int store_collect_locked(struct image_store *s, struct fault *f)
{
	struct image_records records = { 0 };
	struct collect c = { .store = s, .records = &records };
	int r = image_store_list(s, &records, f);

	/* A record that cannot be read may name any layer: then nothing goes. */
	if (r < 0)
		return r;
	r = for_each_in(&c, s->layers_fd, ".", collect_layer);
	if (r >= 0)
		r = for_each_in(&c, s->blobs_fd, "sha256", collect_blob);
	if (r >= 0)
		r = for_each_in(&c, s->blobs_fd, "sha512", collect_blob);
	image_records_done(&records);
	return r < 0 ? fault_set(f, r, "cannot remove what is unused in the image store '%s'",
				 s->path) : 0;
}

int image_store_collect(struct image_store *s, struct fault *f)
{
	int r = store_lock(s, LOCK_EX, f);

	if (r < 0)
		return r;
	r = store_collect_locked(s, f);
	(void)store_lock(s, LOCK_UN, f);
	return r;
}

static int remove_record(struct image_store *s, const char *name, char **ret_name, struct fault *f)
{
	struct image_record record = { 0 };
	cleanup_free char *file = NULL;
	int r = store_find(s, name, true, &record, f);

	if (r < 0)
		return r;
	file = record_file_name(record.name);
	r = file ? neg_errno(unlinkat(s->images_fd, file, 0)) : -ENOMEM;
	if (r < 0)
		fault_set(f, r, "cannot forget the image '%s'", record.name);
	else if (ret_name)
		*ret_name = take_ptr(record.name);
	image_record_done(&record);
	return r;
}

int image_store_remove(struct image_store *s, const char *name, char **ret_name, struct fault *f)
{
	int r = store_lock(s, LOCK_EX, f);

	if (r < 0)
		return r;
	r = remove_record(s, name, ret_name, f);
	if (r >= 0)
		r = store_collect_locked(s, f);
	(void)store_lock(s, LOCK_UN, f);
	return r;
}
