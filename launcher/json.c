/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/json.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

/* Deeper than any bundle; a deeper text would only use up our stack. */
#define JSON_DEPTH 64

struct json_object *json_parse(const char *text, const char **ret_why)
{
	struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH);
	size_t length = strlen(text);
	struct json_object *o = NULL;
	enum json_tokener_error error;
	const char *why = "the text is too long";
	size_t end;

	if (!tokener || length >= INT_MAX) {
		if (tokener)
			json_tokener_free(tokener);
		if (ret_why)
			*ret_why = why;
		return NULL;
	}

	o = json_tokener_parse_ex(tokener, text, (int)length);
	error = json_tokener_get_error(tokener);
	end = json_tokener_get_parse_end(tokener);
	why = error == json_tokener_success ? "something follows the end" :
	      error == json_tokener_continue ? "it ends too early" :
	      json_tokener_error_desc(error);
	if (o && text[end + strspn(text + end, " \t\r\n")]) {
		json_object_put(o);
		o = NULL;
	}
	json_tokener_free(tokener);

	if (ret_why)
		*ret_why = why;
	return o;
}

void json_add_pairs(struct json_object *object, const struct opt_list *pairs)
{
	for (size_t i = 0; i + 1 < pairs->count; i += 2)
		json_object_object_add(object, pairs->items[i],
				       json_object_new_string(pairs->items[i + 1]));
}

int json_get_pairs(struct json_object *object, struct opt_list *pairs)
{
	if (!json_object_is_type(object, json_type_object))
		return -EBADMSG;

	json_object_object_foreach(object, key, value) {
		if (!json_object_is_type(value, json_type_string))
			return -EBADMSG;
		if (opt_list_add(pairs, key) < 0 ||
		    opt_list_add(pairs, json_object_get_string(value)) < 0)
			return -ENOMEM;
	}
	return 0;
}
