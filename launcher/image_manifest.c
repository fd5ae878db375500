/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/image_manifest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "launcher/image_json.h"

#define INDEX_MAX 1000

/* What the annotations of an index may call an image; the first is the fullest. */
static const char *const ref_keys[] = {
	"io.containerd.image.name",
	"org.opencontainers.image.ref.name",
};

static void descriptor_done(struct image_descriptor *d)
{
	free(d->media_type);
	free(d->ref);
	free(d->os);
	free(d->arch);
}

static int descriptor_parse(struct json_object *o, const char *what,
			    struct image_descriptor *d, struct fault *f)
{
	struct json_object *size = image_json_get(o, "size", json_type_int);
	struct json_object *platform = image_json_get(o, "platform", json_type_object);
	struct json_object *notes = image_json_get(o, "annotations", json_type_object);

	if (!json_object_is_type(o, json_type_object))
		return fault_set(f, -EBADMSG, "%s lists something that is no descriptor", what);
	d->media_type = image_json_text(o, "mediaType");
	if (!d->media_type)
		d->media_type = strdup("");
	if (!d->media_type)
		return fault_set(f, -ENOMEM, "cannot read %s", what);
	if (!size || json_object_get_int64(size) < 0)
		return fault_set(f, -EBADMSG, "%s: a descriptor has no size", what);
	d->size_bytes = json_object_get_int64(size);

	if (platform) {
		d->os = image_json_text(platform, "os");
		d->arch = image_json_text(platform, "architecture");
	}
	for (size_t i = 0; notes && !d->ref && i < sizeof(ref_keys) / sizeof(ref_keys[0]); i++)
		d->ref = image_json_text(notes, ref_keys[i]);
	return image_json_digest(o, "digest", what, &d->digest, f);
}

static int descriptors_parse(struct json_object *o, const char *key, const char *what,
			     size_t limit, struct image_manifest *m, struct fault *f)
{
	struct json_object *array = image_json_get(o, key, json_type_array);
	size_t count = array ? json_object_array_length(array) : 0;
	int r = 0;

	if (!array)
		return fault_set(f, -EBADMSG, "%s has no list of %s", what, key);
	if (count > limit)
		return fault_set(f, -EBADMSG, "%s has %zu %s; at most %zu can be used", what, count,
				 key, limit);
	m->items = calloc(count + 1, sizeof(*m->items));
	if (!m->items)
		return fault_set(f, -ENOMEM, "cannot read %s", what);

	while (r >= 0 && m->count < count) {
		struct json_object *item = json_object_array_get_idx(array, m->count);

		r = descriptor_parse(item, what, &m->items[m->count++], f);
	}
	return r;
}

int image_index_parse(const struct buf *text, const char *what,
		      struct image_manifest *ret_index, struct fault *f)
{
	cleanup_json struct json_object *o = image_json_parse(text, what, json_type_object, f);
	struct image_manifest m = { 0 };
	int r;

	if (!o)
		return -EBADMSG;
	r = descriptors_parse(o, "manifests", what, INDEX_MAX, &m, f);
	if (r < 0)
		image_manifest_done(&m);
	else
		*ret_index = m;
	return r;
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), tail = strlen(end);

	return length >= tail && strcmp(text + length - tail, end) == 0;
}

static int check_layers(const struct image_manifest *m, const char *what, struct fault *f)
{
	for (size_t i = 0; i < m->count; i++) {
		const char *type = m->items[i].media_type;

		if (*type && !strstr(type, ".tar") && !strstr(type, "layer"))
			return fault_set(f, -EOPNOTSUPP, "%s: layer %zu is a '%.100s', not a tar archive",
					 what, i + 1, type);
		if (ends_with(type, "+encrypted"))
			return fault_set(f, -EOPNOTSUPP, "%s: layer %zu is encrypted", what, i + 1);
	}
	return 0;
}

static int manifest_parse(struct json_object *o, const char *what, struct image_manifest *m,
			  struct fault *f)
{
	struct json_object *config = image_json_get(o, "config", json_type_object);
	int r;

	if (image_json_get(o, "fsLayers", json_type_array))
		return fault_set(f, -EOPNOTSUPP, "%s has the first docker format, which names no layers by digest",
				 what);
	if (!config)
		return fault_set(f, -EBADMSG, "%s has no config", what);
	r = descriptor_parse(config, what, &m->config, f);
	if (r >= 0 && m->config.media_type[0] && !strstr(m->config.media_type, "image"))
		r = fault_set(f, -EOPNOTSUPP, "%s is no container image: its config is a '%.100s'",
			      what, m->config.media_type);
	if (r >= 0)
		r = descriptors_parse(o, "layers", what, IMAGE_LAYERS_MAX, m, f);
	return r < 0 ? r : check_layers(m, what, f);
}

int image_manifest_parse(const struct buf *text, const char *what,
			 struct image_manifest *ret_manifest, struct fault *f)
{
	cleanup_json struct json_object *o = image_json_parse(text, what, json_type_object, f);
	struct image_manifest m = { 0 };
	int r;

	if (!o)
		return -EBADMSG;
	r = manifest_parse(o, what, &m, f);
	if (r < 0)
		image_manifest_done(&m);
	else
		*ret_manifest = m;
	return r;
}

void image_manifest_done(struct image_manifest *m)
{
	for (size_t i = 0; i < m->count; i++)
		descriptor_done(&m->items[i]);
	free(m->items);
	descriptor_done(&m->config);
	*m = (struct image_manifest){ 0 };
}

bool image_is_index(const struct image_descriptor *d)
{
	return strstr(d->media_type, "image.index") || strstr(d->media_type, "manifest.list");
}

static int docker_image_parse(struct json_object *o, struct docker_image *image,
			      struct fault *f)
{
	static const char what[] = "manifest.json";
	int r;

	if (!json_object_is_type(o, json_type_object))
		return fault_set(f, -EBADMSG, "%s lists something that is no image", what);
	image->config = image_json_text(o, "Config");
	if (!image->config)
		return fault_set(f, -EBADMSG, "%s: an image has no Config", what);
	r = image_json_list(o, "RepoTags", what, &image->tags, f);
	if (r >= 0)
		r = image_json_list(o, "Layers", what, &image->layers, f);
	if (r >= 0 && image->layers.count > IMAGE_LAYERS_MAX)
		r = fault_set(f, -EBADMSG, "%s: an image has more than %d layers", what,
			      IMAGE_LAYERS_MAX);
	return r;
}

int docker_images_parse(const struct buf *text, struct docker_images *ret_images,
			struct fault *f)
{
	cleanup_json struct json_object *array =
		image_json_parse(text, "manifest.json", json_type_array, f);
	size_t count = array ? json_object_array_length(array) : 0;
	struct docker_images images = { 0 };
	int r = 0;

	if (!array)
		return -EBADMSG;
	if (count > INDEX_MAX)
		return fault_set(f, -EBADMSG, "manifest.json lists more than %d images", INDEX_MAX);
	images.items = calloc(count + 1, sizeof(*images.items));
	if (!images.items)
		return fault_set(f, -ENOMEM, "cannot read manifest.json");
	while (r >= 0 && images.count < count) {
		struct json_object *item = json_object_array_get_idx(array, images.count);

		r = docker_image_parse(item, &images.items[images.count++], f);
	}
	if (r < 0)
		docker_images_done(&images);
	else
		*ret_images = images;
	return r;
}

void docker_images_done(struct docker_images *images)
{
	for (size_t i = 0; i < images->count; i++) {
		free(images->items[i].config);
		opt_list_done(&images->items[i].tags);
		opt_list_done(&images->items[i].layers);
	}
	free(images->items);
	*images = (struct docker_images){ 0 };
}
