/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/image_json.h - reading fields of JSON that others wrote */
#pragma once

#include "common/buf.h"
#include "launcher/fault.h"
#include "launcher/image_digest.h"
#include "launcher/json.h"

/**
 * image_json_parse() - the text as an object or array
 * @type:	what it must be
 *
 * Return: the value, to be put; NULL with @fault.
 */
struct json_object *image_json_parse(const struct buf *text, const char *what,
				     enum json_type type, struct fault *fault);

/** image_json_get() - a field of this type, or NULL; another type is NULL as well */
struct json_object *image_json_get(struct json_object *object, const char *key,
				   enum json_type type);

/** image_json_text() - a copy of a string field, or NULL; one that holds a NUL is NULL */
char *image_json_text(struct json_object *object, const char *key);

/** image_json_digest() - a field that is a digest; 0 or -EBADMSG with @fault */
int image_json_digest(struct json_object *object, const char *key, const char *what,
		      struct digest *ret_digest, struct fault *fault);

/** image_json_list() - append an array of strings; null or none adds nothing */
int image_json_list(struct json_object *object, const char *key, const char *what,
		    struct opt_list *list, struct fault *fault);

/** image_json_strings() - a list as a new array; NULL without memory */
struct json_object *image_json_strings(const struct opt_list *list);
