/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/oci_config.h - an OCI bundle's config.json, and the plan it means */
#pragma once

#include "launcher/fault.h"
#include "launcher/oci_json.h"
#include "launcher/plan.h"

struct oci_context {
	const char *id;
	const char *bundle;	/* absolute; relative paths of the file begin there */
	bool systemd_cgroup;
};

/**
 * oci_config_plan() - read a config.json
 * @text:	the document
 * @ret_plan:	freed by the caller
 *
 * Return: 0; -EINVAL with @fault naming the field; -ENOMEM.
 */
int oci_config_plan(const char *text, const struct oci_context *context,
		    struct plan **ret_plan, struct fault *fault);

/**
 * oci_process_parse() - read a process.json, as "exec --process" has it
 * @process:	zeroed by the caller
 */
int oci_process_parse(const char *text, struct plan_process *process, struct fault *fault);

/** oci_resources_parse() - read a resources object, as "update --resources" has it */
int oci_resources_parse(const char *text, struct limits *limits, struct fault *fault);

/* The parts, one file each. */
void oci_read_process(const struct oci_reader *r, struct plan_process *process);
void oci_read_sched(const struct oci_reader *r, struct plan_sched *sched);
void oci_read_mounts(const struct oci_reader *r, const char *bundle, struct plan *plan);
void oci_read_linux(const struct oci_reader *r, const struct oci_context *context,
		    struct plan *plan);
void oci_read_resources(const struct oci_reader *r, struct limits *limits);
void oci_read_seccomp(const struct oci_reader *r, struct plan *plan);
void oci_read_hooks(const struct oci_reader *r, struct plan *plan);

/** oci_read_idmap() - an array of id mappings */
void oci_read_idmap(const struct oci_reader *r, const char *key, struct idmap *map);

/** oci_propagation() - "slave" and the like as MS_* flags; 0 if unknown */
uint64_t oci_propagation(const char *word);

/** oci_mount_options() - call @each for every option word that we understand */
void oci_mount_options(void (*each)(const char *word, void *context), void *context);
