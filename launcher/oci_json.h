/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher/oci_json.h - read fields of an OCI document, with errors that name them
 *
 * A reader stands on one object and knows the way to it. The first field that
 * has the wrong type or an impossible value sets the fault; later reads do
 * nothing, so a caller checks once. Unknown fields are ignored, as the
 * specification wants; missing ones leave the target alone.
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/opt.h"
#include "launcher/fault.h"

struct oci_reader {
	struct json_object *object;	/* lent; NULL reads nothing */
	char path[128];			/* "linux.resources.memory" */
	struct fault *fault;		/* lent, shared by all readers of a document */
	int *error;			/* the same */
};

/** oci_below() - a reader of an object inside; its object is NULL if there is none */
struct oci_reader oci_below(const struct oci_reader *r, const char *key);

/** oci_item() - a reader of the @index-th object of an array */
struct oci_reader oci_item(const struct oci_reader *r, const char *key, size_t index);

/** oci_length() - the length of an array; 0 if it is missing or null */
size_t oci_length(const struct oci_reader *r, const char *key);

/** oci_has() - the field is there and not null */
bool oci_has(const struct oci_reader *r, const char *key);

/** oci_string() - a copy of a string replaces *@ret */
void oci_string(const struct oci_reader *r, const char *key, char **ret);

/** oci_peek() - a string, lent; NULL if it is missing */
const char *oci_peek(const struct oci_reader *r, const char *key);

/** oci_int() - a whole number in a range */
void oci_int(const struct oci_reader *r, const char *key, int64_t min, int64_t max,
	     int64_t *ret);

/** oci_uint32() - the same, for ids */
void oci_uint32(const struct oci_reader *r, const char *key, uint32_t *ret);

/** oci_bool() */
void oci_bool(const struct oci_reader *r, const char *key, bool *ret);

/** oci_strings() - append an array of strings */
void oci_strings(const struct oci_reader *r, const char *key, struct opt_list *ret);

/** oci_map() - append an object of strings as key, value, key... */
void oci_map(const struct oci_reader *r, const char *key, struct opt_list *ret);

/** oci_pairs() - append an object of strings as "key=value"; no key may have a '=' */
void oci_pairs(const struct oci_reader *r, const char *key, struct opt_list *ret);

/** oci_fail() - a value that cannot be: sets the fault to "PATH.key: text" */
void oci_fail(const struct oci_reader *r, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** oci_no_memory() - the same for a failed allocation */
void oci_no_memory(const struct oci_reader *r);
