/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What engines hand to the runtime: a config.json, a process, resources; the first
 * byte chooses which. Nothing crashes, an error has its words, and a plan that was
 * made keeps the promises that the stages rely on.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "launcher/oci_config.h"
#include "tests/fuzz/fuzz.h"

static void check_process(const struct plan_process *p)
{
	fuzz_assert(p->args.count > 0);
	fuzz_assert(p->cwd && p->cwd[0] == '/');
	fuzz_assert(p->umask <= 0777);
	for (size_t i = 0; i < p->rlimit_count; i++)
		fuzz_assert(p->rlimits[i].soft <= p->rlimits[i].hard);
}

/* Nothing in a path of a cgroup leads out of the hierarchy. */
static void check_cgroup_path(const char *path)
{
	char *copy = strdup(path), *rest = NULL;

	fuzz_assert(copy && path[0] == '/');
	for (char *name = strtok_r(copy, "/", &rest); name; name = strtok_r(NULL, "/", &rest))
		fuzz_assert(strcmp(name, "..") != 0);
	free(copy);
}

static void check_plan(const struct plan *p)
{
	check_process(&p->process);
	check_cgroup_path(p->cgroup_path);
	fuzz_assert(p->rootfs.directory && p->rootfs.directory[0] == '/');
	fuzz_assert(p->ns[NS_MOUNT].how == NS_NEW);
	for (int i = 0; i < NS_COUNT; i++)
		fuzz_assert((p->ns[i].how == NS_JOIN) == (p->ns[i].path != NULL));
	for (size_t i = 0; i < p->mount_count; i++)
		fuzz_assert(p->mounts[i].target && *p->mounts[i].target);
	for (size_t i = 0; i < p->hook_count; i++)
		fuzz_assert(p->hooks[i].path[0] == '/');
	for (size_t i = 0; i < p->masked.count; i++)
		fuzz_assert(p->masked.items[i][0] == '/');
}

static void read_config(const char *text)
{
	const struct oci_context context = { .id = "fuzz", .bundle = "/bundle" };
	struct fault f = FAULT_INIT;
	struct plan *plan = NULL;

	if (oci_config_plan(text, &context, &plan, &f) < 0)
		fuzz_assert(f.text[0] && !plan);
	else
		check_plan(plan);
	plan_free(plan);
}

static void read_process(const char *text)
{
	struct plan_process process = { 0 };
	struct fault f = FAULT_INIT;

	if (oci_process_parse(text, &process, &f) < 0)
		fuzz_assert(f.text[0]);
	else
		check_process(&process);
	plan_process_done(&process);
}

static void read_resources(const char *text)
{
	struct fault f = FAULT_INIT;
	struct limits limits;

	limits_init(&limits);
	if (oci_resources_parse(text, &limits, &f) < 0)
		fuzz_assert(f.text[0]);
	for (size_t i = 0; i < limits.raw_count; i++)
		fuzz_assert(!strchr(limits.raw[i].file, '/'));
	limits_done(&limits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = size ? strndup((const char *)data + 1, size - 1) : NULL;

	if (!text)
		return 0;
	if (data[0] == 'p')
		read_process(text);
	else if (data[0] == 'r')
		read_resources(text);
	else
		read_config(text);
	free(text);
	return 0;
}
