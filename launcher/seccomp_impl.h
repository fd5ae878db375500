/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/seccomp_impl.h - a filter, for the files that make one */
#pragma once

#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/opt.h"
#include "launcher/seccomp.h"

#define SECCOMP_ARGS 6

struct seccomp_rule {
	char *name;		/* owned: the system call's */
	uint32_t action;	/* SCMP_ACT_* with its value */
	unsigned arg_count;
	struct scmp_arg_cmp args[SECCOMP_ARGS];
};

struct seccomp_filter {
	uint32_t default_action;
	unsigned flags;			/* SECCOMP_FILTER_FLAG_* */
	bool notifies;			/* some calls are answered by an agent */
	struct opt_list archs;		/* "SCMP_ARCH_X86" */
	struct seccomp_rule *rules;
	size_t rule_count;
	struct buf code;		/* compiled: struct sock_filter[] */
};
