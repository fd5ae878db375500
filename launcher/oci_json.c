/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/oci_json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

void oci_fail(const struct oci_reader *r, const char *key, const char *format, ...)
{
	char text[512];
	va_list args;

	if (*r->error)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	*r->error = fault_set(r->fault, 0, "config.json: %s%s%s: %s", r->path,
			      r->path[0] && key[0] ? "." : "", key, text);
}

void oci_no_memory(const struct oci_reader *r)
{
	if (!*r->error)
		*r->error = fault_set(r->fault, -ENOMEM, "cannot read config.json");
}

static struct json_object *get(const struct oci_reader *r, const char *key)
{
	struct json_object *value;

	if (*r->error || !r->object || !json_object_object_get_ex(r->object, key, &value))
		return NULL;
	return value;	/* json-c gives NULL for null, which is as good as missing */
}

static struct json_object *get_typed(const struct oci_reader *r, const char *key,
				     enum json_type type, const char *what)
{
	struct json_object *value = get(r, key);

	if (value && !json_object_is_type(value, type)) {
		oci_fail(r, key, "is not %s", what);
		return NULL;
	}
	return value;
}

struct oci_reader oci_below(const struct oci_reader *r, const char *key)
{
	struct oci_reader below = *r;

	below.object = get_typed(r, key, json_type_object, "an object");
	snprintf(below.path, sizeof(below.path), "%.60s%s%.60s", r->path, r->path[0] ? "." : "",
		 key);
	return below;
}

struct oci_reader oci_item(const struct oci_reader *r, const char *key, size_t index)
{
	struct json_object *array = get_typed(r, key, json_type_array, "an array");
	struct oci_reader item = *r;

	item.object = array ? json_object_array_get_idx(array, index) : NULL;
	snprintf(item.path, sizeof(item.path), "%.60s%s%.40s[%zu]", r->path,
		 r->path[0] ? "." : "", key, index);
	if (array && !json_object_is_type(item.object, json_type_object))
		oci_fail(&item, "", "is not an object");
	return item;
}

size_t oci_length(const struct oci_reader *r, const char *key)
{
	struct json_object *array = get_typed(r, key, json_type_array, "an array");

	return array ? json_object_array_length(array) : 0;
}

bool oci_has(const struct oci_reader *r, const char *key)
{
	return get(r, key) != NULL;
}

const char *oci_peek(const struct oci_reader *r, const char *key)
{
	struct json_object *value = get_typed(r, key, json_type_string, "a string");
	const char *text = value ? json_object_get_string(value) : NULL;

	/* What comes after a NUL would be checked by nobody and used by some. */
	if (text && strlen(text) != (size_t)json_object_get_string_len(value)) {
		oci_fail(r, key, "holds a NUL character");
		return NULL;
	}
	return text;
}

void oci_string(const struct oci_reader *r, const char *key, char **ret)
{
	const char *text = oci_peek(r, key);
	char *copy;

	if (!text)
		return;
	copy = strdup(text);
	if (!copy) {
		oci_no_memory(r);
		return;
	}
	free(*ret);
	*ret = copy;
}

void oci_int(const struct oci_reader *r, const char *key, int64_t min, int64_t max,
	     int64_t *ret)
{
	struct json_object *value = get_typed(r, key, json_type_int, "a whole number");
	int64_t n;

	if (!value)
		return;
	n = json_object_get_int64(value);
	/* json-c cuts what is larger: the unsigned reading tells. */
	if (n < min || n > max || (n == INT64_MAX && json_object_get_uint64(value) > INT64_MAX)) {
		oci_fail(r, key, "%s is out of range", json_object_to_json_string(value));
		return;
	}
	*ret = n;
}

void oci_uint32(const struct oci_reader *r, const char *key, uint32_t *ret)
{
	int64_t n = *ret;

	oci_int(r, key, 0, UINT32_MAX, &n);
	*ret = (uint32_t)n;
}

void oci_bool(const struct oci_reader *r, const char *key, bool *ret)
{
	struct json_object *value = get_typed(r, key, json_type_boolean, "true or false");

	if (value)
		*ret = json_object_get_boolean(value);
}

void oci_strings(const struct oci_reader *r, const char *key, struct opt_list *ret)
{
	struct json_object *array = get_typed(r, key, json_type_array, "an array");
	size_t count = array ? json_object_array_length(array) : 0;

	for (size_t i = 0; i < count && !*r->error; i++) {
		struct json_object *item = json_object_array_get_idx(array, i);
		const char *text = json_object_is_type(item, json_type_string)
					   ? json_object_get_string(item) : NULL;

		if (!text || strlen(text) != (size_t)json_object_get_string_len(item))
			oci_fail(r, key, "item %zu is not a string", i);
		else if (opt_list_add(ret, text) < 0)
			oci_no_memory(r);
	}
}

void oci_map(const struct oci_reader *r, const char *key, struct opt_list *ret)
{
	struct json_object *object = get_typed(r, key, json_type_object, "an object");

	if (!object)
		return;
	json_object_object_foreach(object, name, value) {
		if (!json_object_is_type(value, json_type_string)) {
			oci_fail(r, key, "'%s' is not a string", name);
			return;
		}
		if (opt_list_add(ret, name) < 0 ||
		    opt_list_add(ret, json_object_get_string(value)) < 0) {
			oci_no_memory(r);
			return;
		}
	}
}

void oci_pairs(const struct oci_reader *r, const char *key, struct opt_list *ret)
{
	struct opt_list map = { 0 };

	oci_map(r, key, &map);
	for (size_t i = 0; i + 1 < map.count && !*r->error; i += 2) {
		cleanup_free char *pair = NULL;

		if (strchr(map.items[i], '='))
			oci_fail(r, key, "'%s' is no name", map.items[i]);
		else if (asprintf(&pair, "%s=%s", map.items[i], map.items[i + 1]) < 0 ||
			 opt_list_add(ret, pair) < 0)
			oci_no_memory(r);
	}
	opt_list_done(&map);
}
