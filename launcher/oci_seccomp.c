/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/oci_config.h"

#include <errno.h>
#include <string.h>

#include "launcher/seccomp.h"

#define ARGS_MAX 6

/* A 64 bit mask may be written as any number that JSON has. */
static uint64_t read_value(const struct oci_reader *r, const char *key)
{
	struct json_object *value;

	if (!r->object || !json_object_object_get_ex(r->object, key, &value))
		return 0;
	return json_object_get_uint64(value);
}

static unsigned read_args(const struct oci_reader *rule, struct seccomp_arg args[ARGS_MAX])
{
	size_t count = oci_length(rule, "args");

	if (count > ARGS_MAX) {
		oci_fail(rule, "args", "has more than %d items", ARGS_MAX);
		return 0;
	}
	for (size_t i = 0; i < count; i++) {
		struct oci_reader r = oci_item(rule, "args", i);
		uint32_t index = 0;

		oci_uint32(&r, "index", &index);
		args[i] = (struct seccomp_arg){
			.index = index,
			.value = read_value(&r, "value"),
			.value_two = read_value(&r, "valueTwo"),
			.op = oci_peek(&r, "op"),
		};
	}
	return (unsigned)count;
}

/* NULL where none is given: an action that answers no error must not have one. */
static const uint32_t *read_errno(const struct oci_reader *r, const char *key, uint32_t *value)
{
	if (!oci_has(r, key))
		return NULL;
	*value = 0;
	oci_uint32(r, key, value);
	return value;
}

static void read_rule(const struct oci_reader *r, struct seccomp_filter *filter)
{
	struct seccomp_arg args[ARGS_MAX];
	unsigned count = read_args(r, args);
	const char *action = oci_peek(r, "action");
	struct opt_list names = { 0 };
	uint32_t value;
	const uint32_t *errno_value = read_errno(r, "errnoRet", &value);

	oci_strings(r, "names", &names);
	if (!names.count)
		oci_fail(r, "names", "is empty");
	for (size_t i = 0; i < names.count && !*r->error; i++)
		*r->error = seccomp_add_rule(filter, names.items[i], action, errno_value, args,
					     count, r->fault);
	opt_list_done(&names);
}

static void read_words(const struct oci_reader *r, const char *key,
		       struct seccomp_filter *filter,
		       int (*add)(struct seccomp_filter *, const char *, struct fault *))
{
	struct opt_list words = { 0 };

	oci_strings(r, key, &words);
	for (size_t i = 0; i < words.count && !*r->error; i++)
		*r->error = add(filter, words.items[i], r->fault);
	opt_list_done(&words);
}

static void read_listener(const struct oci_reader *r, struct plan *p)
{
	oci_string(r, "listenerPath", &p->seccomp_listener);
	oci_string(r, "listenerMetadata", &p->seccomp_metadata);
	if (p->seccomp_metadata && !p->seccomp_listener)
		oci_fail(r, "listenerMetadata", "needs a listenerPath");
	if (seccomp_notifies(p->seccomp) && !p->seccomp_listener)
		oci_fail(r, "listenerPath", "is missing, and rules have SCMP_ACT_NOTIFY");
}

void oci_read_seccomp(const struct oci_reader *linux_reader, struct plan *p)
{
	struct oci_reader r = oci_below(linux_reader, "seccomp");
	size_t count = oci_length(&r, "syscalls");
	struct seccomp_filter *filter = NULL;
	const uint32_t *errno_value;
	uint32_t value;

	if (!r.object)
		return;
	errno_value = read_errno(&r, "defaultErrnoRet", &value);
	if (!*r.error)
		*r.error = seccomp_new(oci_peek(&r, "defaultAction"), errno_value, &filter, r.fault);
	if (*r.error)
		return;
	p->seccomp = filter;
	read_words(&r, "architectures", filter, seccomp_add_arch);
	read_words(&r, "flags", filter, seccomp_set_flag);
	for (size_t i = 0; i < count && !*r.error; i++) {
		struct oci_reader item = oci_item(&r, "syscalls", i);

		read_rule(&item, filter);
	}
	read_listener(&r, p);
}
