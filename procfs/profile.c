/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/profile.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/log.h"

static const char allow_all[] =
	"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[]}";

static struct json_object *read_base(const char *base)
{
	cleanup_buf struct buf text = BUF_INIT;
	struct json_object *profile;
	int r = 0;

	if (strcmp(base, "-") == 0)
		buf_adds(&text, allow_all);
	else
		r = buf_read_file(&text, AT_FDCWD, base);
	if (r < 0) {
		log_error("cannot read the profile '%s': %s\n"
			  "Name the engine's own, or '-' for one that allows all.",
			  base, strerror(-r));
		return NULL;
	}
	profile = json_tokener_parse(buf_text(&text));
	if (profile && json_object_is_type(profile, json_type_object) &&
	    json_object_is_type(json_object_object_get(profile, "syscalls"), json_type_array))
		return profile;
	log_error("'%s' is no seccomp profile: it has no list \"syscalls\"", base);
	json_object_put(profile);
	return NULL;
}

static bool is_answered(const struct config *c, const char *name)
{
	return name && (strcmp(name, "sysinfo") == 0 ||
			(c->affinity && strcmp(name, "sched_getaffinity") == 0));
}

/* Two rules for one call contradict each other. */
static void remove_names(const struct config *c, struct json_object *rule)
{
	struct json_object *names = json_object_object_get(rule, "names");

	if (!json_object_is_type(names, json_type_array))
		return;
	for (size_t i = json_object_array_length(names); i-- > 0;)
		if (is_answered(c, json_object_get_string(
					   json_object_array_get_idx(names, i))))
			json_object_array_del_idx(names, i, 1);
}

static struct json_object *notify_rule(const struct config *c)
{
	struct json_object *rule = json_object_new_object();
	struct json_object *names = json_object_new_array();

	json_object_array_add(names, json_object_new_string("sysinfo"));
	if (c->affinity)
		json_object_array_add(names, json_object_new_string("sched_getaffinity"));
	json_object_object_add(rule, "names", names);
	json_object_object_add(rule, "action", json_object_new_string("SCMP_ACT_NOTIFY"));
	return rule;
}

int profile_print(const struct config *c, const char *base)
{
	struct json_object *profile = read_base(base ? base : PROFILE_DEFAULT);
	struct json_object *rules;

	if (!profile)
		return 1;
	rules = json_object_object_get(profile, "syscalls");
	for (size_t i = json_object_array_length(rules); i-- > 0;) {
		struct json_object *rule = json_object_array_get_idx(rules, i);
		struct json_object *names;

		remove_names(c, rule);
		if (json_object_object_get_ex(rule, "names", &names) &&
		    json_object_array_length(names) == 0)
			json_object_array_del_idx(rules, i, 1);
	}
	json_object_array_add(rules, notify_rule(c));
	json_object_object_add(profile, "listenerPath", json_object_new_string(c->seccomp_path));
	puts(json_object_to_json_string_ext(profile, JSON_C_TO_STRING_PRETTY |
						    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(profile);
	return 0;
}
