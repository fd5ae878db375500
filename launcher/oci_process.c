/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/oci_config.h"

#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "launcher/creds.h"

static const struct { const char *name; enum cap_set set; } cap_keys[] = {
	{ "bounding", CAP_SET_BOUNDING },
	{ "effective", CAP_SET_EFFECTIVE },
	{ "inheritable", CAP_SET_INHERITABLE },
	{ "permitted", CAP_SET_PERMITTED },
	{ "ambient", CAP_SET_AMBIENT },
};

static void read_capabilities(const struct oci_reader *process, struct plan_process *p)
{
	struct oci_reader r = oci_below(process, "capabilities");

	for (size_t k = 0; k < sizeof(cap_keys) / sizeof(cap_keys[0]); k++) {
		struct opt_list names = { 0 };

		oci_strings(&r, cap_keys[k].name, &names);
		for (size_t i = 0; i < names.count; i++) {
			int cap = creds_cap_by_name(names.items[i]);

			/* The specification: warn of those that cannot be given. */
			if (cap < 0)
				log_warn("'%s' is no capability that this kernel knows: ignoring",
					 names.items[i]);
			else
				p->caps[cap_keys[k].set] |= UINT64_C(1) << cap;
		}
		opt_list_done(&names);
	}
}

static uint64_t limit_value(const struct oci_reader *r, const char *key)
{
	struct json_object *value;

	/* Unsigned 64 bit: "no limit" is the largest. */
	if (!json_object_object_get_ex(r->object, key, &value) ||
	    !json_object_is_type(value, json_type_int)) {
		oci_fail(r, key, "is not a number");
		return 0;
	}
	return json_object_get_int64(value) < 0 ? UINT64_MAX : json_object_get_uint64(value);
}

static void read_rlimit(const struct oci_reader *r, struct plan_process *p)
{
	struct plan_rlimit *limits;
	const char *type = oci_peek(r, "type");
	struct plan_rlimit limit;

	if (*r->error)
		return;
	limit.resource = type ? creds_rlimit_by_name(type) : -1;
	if (limit.resource < 0) {
		oci_fail(r, "type", "'%s' is no resource limit", type ? type : "");
		return;
	}
	for (size_t i = 0; i < p->rlimit_count; i++)
		if (p->rlimits[i].resource == limit.resource)
			oci_fail(r, "type", "'%s' is given twice", type);
	limit.soft = limit_value(r, "soft");
	limit.hard = limit_value(r, "hard");
	if (limit.soft > limit.hard)
		oci_fail(r, "soft", "is above the hard limit");
	limits = reallocarray(p->rlimits, p->rlimit_count + 1, sizeof(*limits));
	if (!limits) {
		oci_no_memory(r);
		return;
	}
	p->rlimits = limits;
	limits[p->rlimit_count++] = limit;
}

static void read_groups(const struct oci_reader *r, struct plan_process *p)
{
	size_t count = oci_length(r, "additionalGids");
	struct json_object *array;

	if (!count)
		return;
	p->groups = calloc(count, sizeof(*p->groups));
	if (!p->groups) {
		oci_no_memory(r);
		return;
	}
	json_object_object_get_ex(r->object, "additionalGids", &array);
	for (size_t i = 0; i < count; i++) {
		struct json_object *item = json_object_array_get_idx(array, i);
		int64_t id = json_object_is_type(item, json_type_int) ? json_object_get_int64(item)
								      : -1;

		if (id < 0 || id >= UINT32_MAX) {
			oci_fail(r, "additionalGids", "item %zu is no group id", i);
			return;
		}
		p->groups[p->group_count++] = (gid_t)id;
	}
}

static void read_user(const struct oci_reader *process, struct plan_process *p)
{
	struct oci_reader r = oci_below(process, "user");
	int64_t mask = p->umask;

	oci_uint32(&r, "uid", &p->uid);
	oci_uint32(&r, "gid", &p->gid);
	if (p->uid == UINT32_MAX || p->gid == UINT32_MAX)
		oci_fail(&r, "uid", "4294967295 is no id");
	oci_int(&r, "umask", 0, 0777, &mask);
	p->umask = (mode_t)mask;
	read_groups(&r, p);
}

static void read_console(const struct oci_reader *process, struct plan_process *p)
{
	struct oci_reader r = oci_below(process, "consoleSize");
	int64_t rows = 0, columns = 0;

	oci_bool(process, "terminal", &p->terminal);
	oci_int(&r, "height", 0, UINT16_MAX, &rows);
	oci_int(&r, "width", 0, UINT16_MAX, &columns);
	p->console_rows = (unsigned short)rows;
	p->console_columns = (unsigned short)columns;
}

void oci_read_process(const struct oci_reader *r, struct plan_process *p)
{
	size_t count = oci_length(r, "rlimits");
	int64_t score = 0;

	p->umask = 0022;
	if (!r->object)
		return;
	read_console(r, p);
	read_user(r, p);
	read_capabilities(r, p);
	oci_strings(r, "args", &p->args);
	oci_strings(r, "env", &p->env);
	oci_string(r, "cwd", &p->cwd);
	oci_read_sched(r, &p->sched);
	oci_bool(r, "noNewPrivileges", &p->no_new_privs);
	oci_string(r, "apparmorProfile", &p->apparmor_profile);
	oci_string(r, "selinuxLabel", &p->selinux_label);
	p->has_oom_score_adj = oci_has(r, "oomScoreAdj");
	oci_int(r, "oomScoreAdj", -1000, 1000, &score);
	p->oom_score_adj = (int)score;
	for (size_t i = 0; i < count && !*r->error; i++) {
		struct oci_reader item = oci_item(r, "rlimits", i);

		read_rlimit(&item, p);
	}
	if (!*r->error && !p->args.count)
		oci_fail(r, "args", "no command is given");
	if (!*r->error && (!p->cwd || p->cwd[0] != '/'))
		oci_fail(r, "cwd", "must be an absolute path");
}
