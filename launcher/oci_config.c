/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/oci_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "launcher/json.h"

static const struct { const char *name; enum hook_stage stage; } hook_keys[] = {
	{ "prestart", HOOK_PRESTART },
	{ "createRuntime", HOOK_CREATE_RUNTIME },
	{ "createContainer", HOOK_CREATE_CONTAINER },
	{ "startContainer", HOOK_START_CONTAINER },
	{ "poststart", HOOK_POSTSTART },
	{ "poststop", HOOK_POSTSTOP },
};

static void read_hook(const struct oci_reader *r, enum hook_stage stage, struct plan *p)
{
	struct plan_hook *hooks = reallocarray(p->hooks, p->hook_count + 1, sizeof(*hooks));
	int64_t timeout = 0;

	if (!hooks) {
		oci_no_memory(r);
		return;
	}
	p->hooks = hooks;
	hooks += p->hook_count++;
	*hooks = (struct plan_hook){ .stage = stage };
	oci_string(r, "path", &hooks->path);
	oci_strings(r, "args", &hooks->args);
	oci_strings(r, "env", &hooks->env);
	oci_int(r, "timeout", 1, 1 << 30, &timeout);
	hooks->timeout_s = (unsigned)timeout;
	if (!hooks->path || hooks->path[0] != '/')
		oci_fail(r, "path", "a hook needs an absolute path");
}

void oci_read_hooks(const struct oci_reader *r, struct plan *p)
{
	struct oci_reader hooks = oci_below(r, "hooks");

	for (size_t k = 0; k < sizeof(hook_keys) / sizeof(hook_keys[0]); k++) {
		size_t count = oci_length(&hooks, hook_keys[k].name);

		for (size_t i = 0; i < count && !*r->error; i++) {
			struct oci_reader item = oci_item(&hooks, hook_keys[k].name, i);

			read_hook(&item, hook_keys[k].stage, p);
		}
	}
}

static void read_version(const struct oci_reader *r)
{
	const char *version = oci_peek(r, "ociVersion");

	if (!version)
		oci_fail(r, "ociVersion", "is missing");
	else if (strncmp(version, "1.", 2) != 0 && strncmp(version, "0.", 2) != 0)
		oci_fail(r, "ociVersion", "'%s' is not supported: nacre knows 1.x", version);
}

static void read_root(const struct oci_reader *r, const char *bundle, struct plan *p)
{
	struct oci_reader root = oci_below(r, "root");
	const char *path = oci_peek(&root, "path");

	if (!path || !*path) {
		oci_fail(r, "root.path", "is missing");
		return;
	}
	p->rootfs.driver = ROOTFS_DIRECTORY;
	oci_bool(&root, "readonly", &p->rootfs.read_only);
	if (asprintf(&p->rootfs.directory, "%s%s%s", path[0] == '/' ? "" : bundle,
		     path[0] == '/' ? "" : "/", path) < 0) {
		p->rootfs.directory = NULL;
		oci_no_memory(r);
	}
}

static void read_views(struct plan *p)
{
	char **items = p->annotations.items;

	for (size_t i = 0; i + 1 < p->annotations.count; i += 2)
		if (strcmp(items[i], "org.nacre.views") == 0 && strcmp(items[i + 1], "true") == 0)
			p->views = true;
}

static void read_all(const struct oci_reader *r, const struct oci_context *context,
		     struct plan *p)
{
	struct oci_reader process = oci_below(r, "process");

	read_version(r);
	read_root(r, context->bundle, p);
	oci_string(r, "hostname", &p->hostname);
	oci_string(r, "domainname", &p->domainname);
	oci_map(r, "annotations", &p->annotations);
	oci_read_process(&process, &p->process);
	if (!process.object)
		oci_fail(r, "process", "is missing");
	oci_read_mounts(r, context->bundle, p);
	oci_read_hooks(r, p);
	oci_read_linux(r, context, p);
	read_views(p);
}

static struct json_object *parse(const char *text, const char *what, struct fault *f)
{
	const char *why;
	struct json_object *o = json_parse(text, &why);

	if (!o) {
		fault_set(f, 0, "%s is not JSON: %s", what, why);
		return NULL;
	}
	if (!json_object_is_type(o, json_type_object)) {
		fault_set(f, 0, "%s is not an object", what);
		json_object_put(o);
		return NULL;
	}
	return o;
}

int oci_config_plan(const char *text, const struct oci_context *context,
		    struct plan **ret_plan, struct fault *f)
{
	cleanup_json struct json_object *o = parse(text, "config.json", f);
	struct plan *p = o ? plan_new() : NULL;
	int error = 0;
	struct oci_reader r = { .object = o, .fault = f, .error = &error };

	if (!o)
		return -EINVAL;
	if (!p)
		return fault_set(f, -ENOMEM, "cannot read config.json");

	p->id = strdup(context->id);
	p->bundle = strdup(context->bundle);
	p->default_devices = true;
	if (!p->id || !p->bundle)
		oci_no_memory(&r);
	read_all(&r, context, p);
	if (!error)
		error = plan_check_sysctls(p, f);
	if (!error)
		plan_find_inner_sources(p);
	if (error) {
		plan_free(p);
		return error;
	}
	*ret_plan = p;
	return 0;
}

int oci_process_parse(const char *text, struct plan_process *process, struct fault *f)
{
	cleanup_json struct json_object *o = parse(text, "the process description", f);
	int error = 0;
	struct oci_reader r = { .object = o, .path = "process", .fault = f, .error = &error };

	if (!o)
		return -EINVAL;
	oci_read_process(&r, process);
	return error;
}

int oci_resources_parse(const char *text, struct limits *limits, struct fault *f)
{
	cleanup_json struct json_object *o = parse(text, "the resources", f);
	int error = 0;
	struct oci_reader r = { .object = o, .path = "resources", .fault = f, .error = &error };

	if (!o)
		return -EINVAL;
	oci_read_resources(&r, limits);
	return error;
}
