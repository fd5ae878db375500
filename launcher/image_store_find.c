/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/image_store_find.c - images by name, and holding their layers */
#include "config.h"
#include "launcher/image_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/image_overlay.h"
#include "launcher/image_store_impl.h"

#define ID_DIGITS_MIN 4		/* of an id, to mean an image by it */

/* --- all of them ---------------------------------------------------------------------- */

static int add_record(struct image_store *s, const char *file, struct image_records *records,
		      struct fault *f)
{
	cleanup_buf struct buf text = BUF_INIT;
	struct image_record *items;
	char what[512];
	int r = buf_read_file(&text, s->images_fd, file);

	snprintf(what, sizeof(what), "'%s/images/%s'", s->path, file);
	if (r == -ENOENT)
		return 0;	/* removed since the directory was read */
	if (r < 0)
		return fault_set(f, r, "cannot read %s", what);
	items = realloc(records->items, (records->count + 1) * sizeof(*items));
	if (!items)
		return fault_set(f, -ENOMEM, "cannot read %s", what);
	records->items = items;
	r = record_from_text(&text, what, &items[records->count], f);
	if (r < 0)
		return r;
	records->count++;
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	const struct image_record *x = a, *y = b;

	return strcmp(x->name, y->name);
}

int image_store_list(struct image_store *s, struct image_records *ret_records, struct fault *f)
{
	int fd = openat(s->images_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct image_records records = { 0 };
	struct dirent *entry;
	int r = 0;

	if (!dir) {
		r = fault_set(f, -errno, "cannot list '%s/images'", s->path);
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (r >= 0 && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			r = add_record(s, entry->d_name, &records, f);
	if (r < 0) {
		image_records_done(&records);
		return r;
	}
	if (records.count)
		qsort(records.items, records.count, sizeof(*records.items), compare_names);
	*ret_records = records;
	return 0;
}

/* --- one of them ---------------------------------------------------------------------- */

/* "busybox:latest" is the end of "docker.io/library/busybox:latest". */
static bool is_tail_of(const char *tail, const char *name)
{
	size_t length = strlen(name), n = strlen(tail);

	return length > n && name[length - n - 1] == '/' && strcmp(name + length - n, tail) == 0;
}

static bool is_id_of(const char *text, const struct digest *id)
{
	size_t n = strlen(text);

	if (strcmp(text, id->text) == 0)
		return true;
	return n >= ID_DIGITS_MIN && strncmp(text, digest_hex(id), n) == 0;
}

/* How well a record fits what was asked for; 0: not at all. */
static int fits(const struct image_record *record, const char *name, const char *whole)
{
	if (strcmp(record->name, name) == 0 || strcmp(record->name, whole) == 0)
		return 3;
	if (is_tail_of(whole, record->name))
		return 2;
	return is_id_of(name, &record->id) ? 1 : 0;
}

static int ambiguous(const char *name, const struct image_record *a, const struct image_record *b,
		     struct fault *f)
{
	fault_set(f, 0, "'%s' may mean the image '%s' or '%s'\nWrite more of its name.", name,
		  a->name, b->name);
	return -ENOTUNIQ;
}

/* The first image of that name with another tag. */
static const struct image_record *other_tag(const struct image_records *records, const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < records->count; i++) {
		const char *have = records->items[i].name;
		const char *tail = strrchr(have, '/') ? strrchr(have, '/') + 1 : have;

		if ((strncmp(have, name, length) == 0 && have[length] == ':') ||
		    (strncmp(tail, name, length) == 0 && tail[length] == ':'))
			return &records->items[i];
	}
	return NULL;
}

static int not_found(const struct image_records *records, const char *name, struct fault *f)
{
	const struct image_record *other = other_tag(records, name);

	if (other)
		fault_set(f, 0, "there is no image '%s:latest'\nThere is '%s'.", name, other->name);
	else
		fault_set(f, 0, "there is no image '%s'\n"
			  "See \"nacre images\"; \"nacre import\" brings one in.", name);
	return -ENOENT;
}

static int choose(const struct image_records *records, const char *name, bool only_one,
		  const struct image_record **ret_record, struct fault *f)
{
	cleanup_free char *whole = image_name_complete(name);
	const struct image_record *best = NULL, *other = NULL;
	int how_well = 0;

	if (!whole)
		return fault_set(f, -ENOMEM, "cannot look for the image '%s'", name);
	for (size_t i = 0; i < records->count; i++) {
		const struct image_record *record = &records->items[i];
		int n = fits(record, name, whole);

		if (n == how_well && n)
			other = record;
		if (n > how_well) {
			how_well = n;
			best = record;
			other = NULL;
		}
	}
	if (!best)
		return not_found(records, name, f);
	/* Several names of one image are no riddle, unless a name is to go. */
	if (other && (only_one || !digest_equal(&other->id, &best->id)))
		return ambiguous(name, best, other, f);
	*ret_record = best;
	return 0;
}

int store_find(struct image_store *s, const char *name, bool only_one,
	       struct image_record *ret_record, struct fault *f)
{
	struct image_records records = { 0 };
	const struct image_record *found = NULL;
	int r = image_store_list(s, &records, f);

	if (r < 0)
		return r;
	r = choose(&records, name, only_one, &found, f);
	if (r >= 0 && record_copy(found, ret_record) < 0)
		r = fault_set(f, -ENOMEM, "cannot look for the image '%s'", name);
	image_records_done(&records);
	return r;
}

/* --- holding --------------------------------------------------------------------------- */

static bool has_opaque_root(int fd)
{
	return overlay_is_opaque(fd, "trusted.overlay.") || overlay_is_opaque(fd, "user.overlay.");
}

/*
 * A root that hides all below it: overlay does not look for the mark on a
 * layer's root, so the layers below must not be mounted at all.
 */
static int list_layers(struct image_store *s, struct image *image)
{
	for (size_t i = image->record.layer_count; i-- > 0;) {
		cleanup_free char *path = store_layer_path(s, &image->record.layers[i].chain);

		if (!path || opt_list_add(&image->layers, path) < 0)
			return -ENOMEM;
		if (has_opaque_root(image->holds[i]))
			break;
	}
	return 0;
}

static int hold_layers(struct image_store *s, struct image *image, struct fault *f)
{
	size_t count = image->record.layer_count;

	image->holds = malloc((count + 1) * sizeof(*image->holds));
	if (!image->holds)
		return fault_set(f, -ENOMEM, "cannot open the image '%s'", image->record.name);
	for (size_t i = 0; i < count; i++)
		image->holds[i] = -1;
	for (size_t i = 0; i < count; i++) {
		image->holds[i] = store_hold_layer(s, &image->record.layers[i].chain);
		if (image->holds[i] < 0)
			return fault_set(f, image->holds[i], "cannot open layer %zu of the image '%s'\n"
					 "Import the image again.", i + 1, image->record.name);
	}
	return 0;
}

static int read_config(struct image_store *s, struct image *image, struct fault *f)
{
	cleanup_buf struct buf text = BUF_INIT;
	int r = store_read_blob(s, &image->record.id, &text, f);

	return r < 0 ? r : image_config_parse(&text, "the image's config", &image->config, f);
}

int image_store_get(struct image_store *s, const char *name, struct image **ret_image,
		    struct fault *f)
{
	struct image *image = calloc(1, sizeof(*image));
	int r;

	if (!image)
		return fault_set(f, -ENOMEM, "cannot open the image '%s'", name);
	r = store_lock(s, LOCK_SH, f);
	if (r >= 0)
		r = store_find(s, name, false, &image->record, f);
	if (r >= 0)
		r = hold_layers(s, image, f);
	if (r >= 0)
		r = read_config(s, image, f);
	(void)store_lock(s, LOCK_UN, f);
	if (r >= 0 && list_layers(s, image) < 0)
		r = fault_set(f, -ENOMEM, "cannot open the image '%s'", name);
	if (r < 0) {
		image_release(image);
		return r;
	}
	*ret_image = image;
	return 0;
}

struct image *image_release(struct image *image)
{
	if (!image)
		return NULL;
	for (size_t i = 0; image->holds && i < image->record.layer_count; i++)
		if (image->holds[i] >= 0)
			close(image->holds[i]);
	free(image->holds);
	opt_list_done(&image->layers);
	image_config_done(&image->config);
	image_record_done(&image->record);
	free(image);
	return NULL;
}
