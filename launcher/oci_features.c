/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/verbs.h"

#include <stdio.h>

#include "launcher/creds.h"
#include "launcher/json.h"
#include "launcher/oci_config.h"
#include "launcher/seccomp.h"

static void add_word(const char *word, void *context)
{
	json_object_array_add(context, json_object_new_string(word));
}

static void add_words(struct json_object *o, const char *key, const char *const *words)
{
	struct json_object *array = json_object_new_array();

	for (; *words; words++)
		add_word(*words, array);
	json_object_object_add(o, key, array);
}

static struct json_object *enabled(bool value)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "enabled", json_object_new_boolean(value));
	return o;
}

static struct json_object *capabilities(void)
{
	struct json_object *array = json_object_new_array();

	for (int i = 0; i <= creds_last_cap(); i++)
		add_word(creds_cap_name(i), array);
	return array;
}

static struct json_object *cgroup(void)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "v1", json_object_new_boolean(true));
	json_object_object_add(o, "v2", json_object_new_boolean(true));
	json_object_object_add(o, "systemd", json_object_new_boolean(false));
	json_object_object_add(o, "systemdUser", json_object_new_boolean(false));
	json_object_object_add(o, "rdma", json_object_new_boolean(false));
	return o;
}

static struct json_object *seccomp(void)
{
	static const struct { char kind; const char *key; } kinds[] = {
		{ 'a', "actions" }, { 'o', "operators" }, { 'r', "archs" },
		{ 'f', "knownFlags" }, { 'f', "supportedFlags" },
	};
	struct json_object *o = enabled(true);

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct json_object *array = json_object_new_array();

		seccomp_names(kinds[i].kind, add_word, array);
		json_object_object_add(o, kinds[i].key, array);
	}
	return o;
}

static struct json_object *linux_features(void)
{
	static const char *const namespaces[] = { "cgroup", "ipc", "mount", "network", "pid",
						  "time", "user", "uts", NULL };
	struct json_object *o = json_object_new_object();
	struct json_object *extensions = json_object_new_object();

	add_words(o, "namespaces", namespaces);
	json_object_object_add(o, "capabilities", capabilities());
	json_object_object_add(o, "cgroup", cgroup());
	json_object_object_add(o, "seccomp", seccomp());
	json_object_object_add(o, "apparmor", enabled(true));
	json_object_object_add(o, "selinux", enabled(false));
	json_object_object_add(o, "intelRdt", enabled(false));
	json_object_object_add(extensions, "idmap", enabled(true));
	json_object_object_add(o, "mountExtensions", extensions);
	return o;
}

int verb_features(const struct globals *g, int argc, char **argv)
{
	static const char *const hooks[] = { "prestart", "createRuntime", "createContainer",
					     "startContainer", "poststart", "poststop", NULL };
	cleanup_json struct json_object *o = json_object_new_object();
	struct json_object *options = json_object_new_array();
	struct json_object *annotations = json_object_new_object();

	json_object_object_add(o, "ociVersionMin", json_object_new_string("1.0.0"));
	json_object_object_add(o, "ociVersionMax", json_object_new_string(OCI_VERSION));
	add_words(o, "hooks", hooks);
	oci_mount_options(add_word, options);
	json_object_object_add(o, "mountOptions", options);
	json_object_object_add(o, "linux", linux_features());
	json_object_object_add(annotations, "org.nacre.version",
			       json_object_new_string(PACKAGE_VERSION));
	json_object_object_add(o, "annotations", annotations);
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
					    JSON_C_TO_STRING_NOSLASHESCAPE));
	return 0;
}
