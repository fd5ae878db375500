/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/image_edit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"
#include "launcher/image_json.h"

void edit_now(char *text, size_t size)
{
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(text, size, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static struct json_object *parse_old(const struct buf *text, struct fault *f)
{
	struct json_object *o;

	if (text->length)
		return image_json_parse(text, "the image's config", json_type_object, f);
	o = json_object_new_object();
	if (!o)
		fault_set(f, -ENOMEM, "cannot make the image's config");
	return o;
}

/* The object in a field; a new one if there is none. */
static struct json_object *get_object(struct json_object *o, const char *key)
{
	struct json_object *inner = image_json_get(o, key, json_type_object);

	if (inner)
		return inner;
	inner = json_object_new_object();
	json_object_object_add(o, key, inner);
	return inner;
}

static struct json_object *get_array(struct json_object *o, const char *key)
{
	struct json_object *inner = image_json_get(o, key, json_type_array);

	if (inner)
		return inner;
	inner = json_object_new_array();
	json_object_object_add(o, key, inner);
	return inner;
}

static void set_text(struct json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, json_object_new_string(text));
}

static int print(struct json_object *o, struct buf *ret_text, struct fault *f)
{
	const char *text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
							     JSON_C_TO_STRING_NOSLASHESCAPE);

	if (text)
		buf_adds(ret_text, text);
	return !text || buf_error(ret_text) ? fault_set(f, -ENOMEM, "cannot make the image's config")
					    : 0;
}

/* --- commit --------------------------------------------------------------------------- */

/* A variable that is given replaces the one of its name. */
static void set_env(struct json_object *config, const struct opt_list *env)
{
	struct json_object *old = get_array(config, "Env");
	struct json_object *all = json_object_new_array();

	for (size_t i = 0; i < json_object_array_length(old); i++) {
		const char *pair = json_object_get_string(json_object_array_get_idx(old, i));
		size_t n = pair ? strcspn(pair, "=") + 1 : 0;
		bool replaced = !pair;

		for (size_t k = 0; k < env->count; k++)
			replaced |= pair && strncmp(pair, env->items[k], n) == 0;
		if (!replaced)
			json_object_array_add(all, json_object_new_string(pair));
	}
	for (size_t k = 0; k < env->count; k++)
		json_object_array_add(all, json_object_new_string(env->items[k]));
	json_object_object_add(config, "Env", all);
}

static void set_run(struct json_object *o, const struct commit_options *options)
{
	struct json_object *config = get_object(o, "config");

	if (options->env.count)
		set_env(config, &options->env);
	if (options->entrypoint.count)
		json_object_object_add(config, "Entrypoint",
				       image_json_strings(&options->entrypoint));
	if (options->cmd.count)
		json_object_object_add(config, "Cmd", image_json_strings(&options->cmd));
	if (options->workdir)
		set_text(config, "WorkingDir", options->workdir);
	if (options->user)
		set_text(config, "User", options->user);
}

static void add_history(struct json_object *o, const char *now, const char *message)
{
	struct json_object *entry = json_object_new_object();

	set_text(entry, "created", now);
	set_text(entry, "created_by", "nacre commit");
	if (message)
		set_text(entry, "comment", message);
	json_object_array_add(get_array(o, "history"), entry);
}

int edit_commit(const struct buf *base, const struct commit_options *options,
		const struct digest *diff, struct buf *ret_text, struct fault *f)
{
	cleanup_json struct json_object *o = parse_old(base, f);
	struct json_object *rootfs;
	char now[32];

	if (!o)
		return -EBADMSG;
	edit_now(now, sizeof(now));
	set_text(o, "created", now);
	if (!image_json_get(o, "architecture", json_type_string))
		set_text(o, "architecture", image_architecture());
	if (!image_json_get(o, "os", json_type_string))
		set_text(o, "os", "linux");
	set_run(o, options);

	rootfs = get_object(o, "rootfs");
	set_text(rootfs, "type", "layers");
	json_object_array_add(get_array(rootfs, "diff_ids"), json_object_new_string(diff->text));
	add_history(o, now, options->message);
	return print(o, ret_text, f);
}

/* --- export --------------------------------------------------------------------------- */

int edit_diffs(const struct buf *old, const struct digest *diffs, size_t count,
	       struct buf *ret_text, struct fault *f)
{
	cleanup_json struct json_object *o = parse_old(old, f);
	struct json_object *array;

	if (!o)
		return -EBADMSG;
	array = json_object_new_array();
	for (size_t i = 0; array && i < count; i++)
		json_object_array_add(array, json_object_new_string(diffs[i].text));
	json_object_object_add(get_object(o, "rootfs"), "diff_ids", array);
	return print(o, ret_text, f);
}
