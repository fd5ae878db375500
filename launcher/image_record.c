/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/image_record.c - an image's name, and what the store knows about it */
#include "config.h"
#include "launcher/image_store.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "launcher/image_json.h"
#include "launcher/image_store_impl.h"

/* '/' becomes three bytes, and a file name has 255. */
#define NAME_LENGTH_MAX 200
#define SLASHES_MAX	24

bool image_name_is_valid(const char *name)
{
	static const char others[] = "._-/:@+";
	size_t slashes = 0;

	if (!isalnum((unsigned char)name[0]) || strlen(name) > NAME_LENGTH_MAX)
		return false;
	for (const char *p = name; *p; p++) {
		if (!isalnum((unsigned char)*p) && !strchr(others, *p))
			return false;
		if (*p == '/' && (!isalnum((unsigned char)p[1]) || ++slashes > SLASHES_MAX))
			return false;
	}
	return true;
}

char *image_name_complete(const char *name)
{
	const char *slash = strrchr(name, '/');
	char *whole;

	if (strchr(slash ? slash : name, ':') || strchr(name, '@'))
		return strdup(name);
	return asprintf(&whole, "%s:latest", name) < 0 ? NULL : whole;
}

char *record_file_name(const char *name)
{
	cleanup_buf struct buf b = BUF_INIT;

	for (; *name; name++)
		if (*name == '/')
			buf_adds(&b, "%2F");
		else
			buf_add(&b, name, 1);
	return buf_error(&b) ? NULL : strdup(buf_text(&b));
}

void image_record_done(struct image_record *record)
{
	free(record->name);
	free(record->layers);
	*record = (struct image_record){ 0 };
}

void image_records_done(struct image_records *records)
{
	for (size_t i = 0; i < records->count; i++)
		image_record_done(&records->items[i]);
	free(records->items);
	*records = (struct image_records){ 0 };
}

int64_t image_record_size(const struct image_record *record)
{
	int64_t sum = 0;

	for (size_t i = 0; i < record->layer_count; i++)
		sum += record->layers[i].size_bytes;
	return sum;
}

int record_copy(const struct image_record *record, struct image_record *ret_record)
{
	struct image_record copy = *record;

	copy.name = strdup(record->name);
	copy.layers = calloc(record->layer_count + 1, sizeof(*copy.layers));
	if (!copy.name || !copy.layers) {
		image_record_done(&copy);
		return -ENOMEM;
	}
	memcpy(copy.layers, record->layers, record->layer_count * sizeof(*copy.layers));
	*ret_record = copy;
	return 0;
}

static void add_text(struct json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, json_object_new_string(text));
}

static struct json_object *layers_to_json(const struct image_record *record)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; array && i < record->layer_count; i++) {
		struct json_object *o = json_object_new_object();

		add_text(o, "chain", record->layers[i].chain.text);
		add_text(o, "diff", record->layers[i].diff.text);
		json_object_object_add(o, "size",
				       json_object_new_int64(record->layers[i].size_bytes));
		json_object_array_add(array, o);
	}
	return array;
}

int record_to_text(const struct image_record *record, struct buf *text)
{
	cleanup_json struct json_object *o = json_object_new_object();
	const char *json;

	if (!o)
		return -ENOMEM;
	add_text(o, "name", record->name);
	add_text(o, "config", record->id.text);
	if (digest_is_set(&record->manifest))
		add_text(o, "manifest", record->manifest.text);
	json_object_object_add(o, "imported", json_object_new_int64(record->imported_s));
	json_object_object_add(o, "layers", layers_to_json(record));
	json = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
						 JSON_C_TO_STRING_NOSLASHESCAPE);
	if (!json)
		return -ENOMEM;
	buf_addf(text, "%s\n", json);
	return buf_error(text);
}

static int layer_from_json(struct json_object *o, const char *what, struct image_layer *layer,
			   struct fault *f)
{
	struct json_object *size = image_json_get(o, "size", json_type_int);
	int r = image_json_digest(o, "chain", what, &layer->chain, f);

	if (r >= 0)
		r = image_json_digest(o, "diff", what, &layer->diff, f);
	layer->size_bytes = size ? json_object_get_int64(size) : 0;
	return r;
}

static int fill(struct json_object *o, const char *what, struct image_record *record,
		struct fault *f)
{
	struct json_object *array = image_json_get(o, "layers", json_type_array);
	struct json_object *imported = image_json_get(o, "imported", json_type_int);
	size_t count = array ? json_object_array_length(array) : 0;
	int r = image_json_digest(o, "config", what, &record->id, f);

	record->name = image_json_text(o, "name");
	record->layers = calloc(count + 1, sizeof(*record->layers));
	if (r < 0)
		return r;
	if (!array || !record->name || !image_name_is_valid(record->name))
		return fault_set(f, -EBADMSG, "%s names no image", what);
	if (!record->layers)
		return fault_set(f, -ENOMEM, "cannot read %s", what);
	if (image_json_get(o, "manifest", json_type_string))
		r = image_json_digest(o, "manifest", what, &record->manifest, f);
	record->imported_s = imported ? json_object_get_int64(imported) : 0;
	for (; r >= 0 && record->layer_count < count; record->layer_count++)
		r = layer_from_json(json_object_array_get_idx(array, record->layer_count), what,
				    &record->layers[record->layer_count], f);
	return r;
}

int record_from_text(const struct buf *text, const char *what, struct image_record *ret_record,
		     struct fault *f)
{
	cleanup_json struct json_object *o = image_json_parse(text, what, json_type_object, f);
	struct image_record record = { 0 };
	int r;

	if (!o)
		return -EBADMSG;
	r = fill(o, what, &record, f);
	if (r < 0)
		image_record_done(&record);
	else
		*ret_record = record;
	return r;
}
