/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/devices_bpf.h - device rules as a BPF program, for cgroup v2 */
#pragma once

#include <linux/bpf.h>
#include <stddef.h>

#include "launcher/fault.h"
#include "launcher/limits.h"

/**
 * devices_bpf_compile() - the program for a list of rules
 * @ret_code:	freed by the caller
 * @ret_count:	its instructions
 *
 * v1 applies rules in order, so the last one that matches an access decides;
 * the program tests them from the last to the first. An access that asks for
 * several rights needs each of them.
 *
 * Return: 0 or -ENOMEM.
 */
int devices_bpf_compile(const struct limits *limits, struct bpf_insn **ret_code,
			size_t *ret_count);

/** devices_bpf_attach() - load the program and attach it to a v2 group */
int devices_bpf_attach(const struct limits *limits, int cgroup_fd, struct fault *fault);
