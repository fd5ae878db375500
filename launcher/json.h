/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/json.h - json-c, with our idioms */
#pragma once

#include <json-c/json.h>

#include "common/opt.h"

#define OCI_VERSION "1.2.0"

/** json_parse() - the text as a value; NULL with a sentence in @ret_why (may be NULL) */
struct json_object *json_parse(const char *text, const char **ret_why);

/** json_add_pairs() - add each key and value, which are items after each other, to an object */
void json_add_pairs(struct json_object *object, const struct opt_list *pairs);

/** json_get_pairs() - an object of strings as key, value, key...; -EBADMSG if it holds others */
int json_get_pairs(struct json_object *object, struct opt_list *pairs);

static inline void cleanup_json_(struct json_object **o)
{
	json_object_put(*o);
}

#define cleanup_json __attribute__((cleanup(cleanup_json_)))
