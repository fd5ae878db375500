/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/image_json.h"

#include <errno.h>
#include <string.h>

#include "launcher/image_manifest.h"

struct json_object *image_json_parse(const struct buf *text, const char *what,
				     enum json_type type, struct fault *f)
{
	struct json_object *o;
	const char *why = "";

	if (text->length > IMAGE_JSON_MAX || memchr(buf_text(text), 0, text->length)) {
		fault_set(f, 0, "%s is no JSON text of at most %u MiB", what,
			  IMAGE_JSON_MAX >> 20);
		return NULL;
	}
	o = json_parse(buf_text(text), &why);
	if (!o) {
		fault_set(f, 0, "%s is not valid JSON: %s", what, why);
		return NULL;
	}
	if (!json_object_is_type(o, type)) {
		fault_set(f, 0, "%s holds no JSON %s", what, json_type_to_name(type));
		json_object_put(o);
		return NULL;
	}
	return o;
}

struct json_object *image_json_get(struct json_object *object, const char *key,
				   enum json_type type)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value) ||
	    !json_object_is_type(value, type))
		return NULL;
	return value;
}

static const char *plain_string(struct json_object *value)
{
	const char *text = json_object_get_string(value);

	return strlen(text) == (size_t)json_object_get_string_len(value) ? text : NULL;
}

char *image_json_text(struct json_object *object, const char *key)
{
	struct json_object *value = image_json_get(object, key, json_type_string);
	const char *text = value ? plain_string(value) : NULL;

	return text ? strdup(text) : NULL;
}

int image_json_digest(struct json_object *object, const char *key, const char *what,
		      struct digest *ret_digest, struct fault *f)
{
	struct json_object *value = image_json_get(object, key, json_type_string);

	if (!value)
		return fault_set(f, -EBADMSG, "%s has no %s", what, key);
	if (!digest_parse(json_object_get_string(value), ret_digest))
		return fault_set(f, -EBADMSG, "%s: '%.140s' is no sha256 or sha512 digest", what,
				 json_object_get_string(value));
	return 0;
}

int image_json_list(struct json_object *object, const char *key, const char *what,
		    struct opt_list *list, struct fault *f)
{
	struct json_object *array;

	if (!json_object_object_get_ex(object, key, &array) || !array)
		return 0;
	if (!json_object_is_type(array, json_type_array))
		return fault_set(f, -EBADMSG, "%s: %s is no list", what, key);

	for (size_t i = 0; i < json_object_array_length(array); i++) {
		struct json_object *item = json_object_array_get_idx(array, i);

		if (!json_object_is_type(item, json_type_string) || !plain_string(item))
			return fault_set(f, -EBADMSG, "%s: %s holds more than strings", what, key);
		if (opt_list_add(list, json_object_get_string(item)) < 0)
			return fault_set(f, -ENOMEM, "cannot read %s", what);
	}
	return 0;
}

struct json_object *image_json_strings(const struct opt_list *list)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; array && i < list->count; i++)
		json_object_array_add(array, json_object_new_string(list->items[i]));
	return array;
}
