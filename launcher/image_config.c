/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/image_config.c - an image's config: its layers, and how to run it */
#include "config.h"
#include "launcher/image_manifest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "launcher/image_json.h"

static int parse_diffs(struct json_object *o, const char *what, struct image_config *c,
		       struct fault *f)
{
	struct json_object *rootfs = image_json_get(o, "rootfs", json_type_object);
	struct json_object *array;
	size_t count;

	array = rootfs ? image_json_get(rootfs, "diff_ids", json_type_array) : NULL;
	if (!array)
		return fault_set(f, -EBADMSG, "%s does not list its layers (rootfs.diff_ids)", what);
	count = json_object_array_length(array);
	if (count > IMAGE_LAYERS_MAX)
		return fault_set(f, -EBADMSG, "%s has %zu layers; at most %d can be used", what,
				 count, IMAGE_LAYERS_MAX);
	c->diffs = calloc(count + 1, sizeof(*c->diffs));
	if (!c->diffs)
		return fault_set(f, -ENOMEM, "cannot read %s", what);

	for (; c->diff_count < count; c->diff_count++) {
		struct json_object *item = json_object_array_get_idx(array, c->diff_count);

		if (!json_object_is_type(item, json_type_string) ||
		    !digest_parse(json_object_get_string(item), &c->diffs[c->diff_count]))
			return fault_set(f, -EBADMSG, "%s: layer %zu has no valid digest", what,
					 c->diff_count + 1);
	}
	return 0;
}

/* {"/data": {}}: a set, written as an object. */
static int parse_volumes(struct json_object *o, struct image_config *c)
{
	struct json_object *set = image_json_get(o, "Volumes", json_type_object);

	if (!set)
		return 0;
	json_object_object_foreach(set, key, value) {
		(void)value;
		if (opt_list_add(&c->volumes, key) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Builders write "" for what was not given. */
static char *given_text(struct json_object *o, const char *key)
{
	char *text = image_json_text(o, key);

	if (text && *text)
		return text;
	free(text);
	return NULL;
}

static int parse_run(struct json_object *o, const char *what, struct image_config *c,
		     struct fault *f)
{
	int r = image_json_list(o, "Entrypoint", what, &c->entrypoint, f);

	if (r >= 0)
		r = image_json_list(o, "Cmd", what, &c->cmd, f);
	if (r >= 0)
		r = image_json_list(o, "Env", what, &c->env, f);
	if (r >= 0 && parse_volumes(o, c) < 0)
		r = fault_set(f, -ENOMEM, "cannot read %s", what);
	if (r < 0)
		return r;
	c->workdir = given_text(o, "WorkingDir");
	c->user = given_text(o, "User");
	c->stop_signal = given_text(o, "StopSignal");
	return 0;
}

int image_config_parse(const struct buf *text, const char *what,
		       struct image_config *ret_config, struct fault *f)
{
	cleanup_json struct json_object *o = image_json_parse(text, what, json_type_object, f);
	struct image_config c = { 0 };
	struct json_object *run;
	int r;

	if (!o)
		return -EBADMSG;
	r = parse_diffs(o, what, &c, f);
	run = image_json_get(o, "config", json_type_object);
	if (r >= 0 && run)
		r = parse_run(run, what, &c, f);
	if (r < 0) {
		image_config_done(&c);
		return r;
	}
	c.os = image_json_text(o, "os");
	c.arch = image_json_text(o, "architecture");
	c.created = image_json_text(o, "created");
	*ret_config = c;
	return 0;
}

void image_config_done(struct image_config *c)
{
	opt_list_done(&c->entrypoint);
	opt_list_done(&c->cmd);
	opt_list_done(&c->env);
	opt_list_done(&c->volumes);
	free(c->workdir);
	free(c->user);
	free(c->stop_signal);
	free(c->os);
	free(c->arch);
	free(c->created);
	free(c->diffs);
	*c = (struct image_config){ 0 };
}
