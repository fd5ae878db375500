/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher/seccomp.h - system call filters
 *
 * A filter is a list of rules, plain data, until it is compiled: by libseccomp,
 * outside of the container. Inside it is installed as plain BPF.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "launcher/fault.h"

struct seccomp_filter;

/**
 * seccomp_new() - start a filter
 * @action:	its default: "SCMP_ACT_ERRNO"
 * @errno_value: the error it answers; NULL: not given, EPERM where there is one
 */
int seccomp_new(const char *action, const uint32_t *errno_value,
		struct seccomp_filter **ret_filter, struct fault *fault);

/** seccomp_add_arch() - an architecture besides our own: "SCMP_ARCH_X86" */
int seccomp_add_arch(struct seccomp_filter *filter, const char *arch, struct fault *fault);

/** seccomp_set_flag() - "SECCOMP_FILTER_FLAG_LOG" and others */
int seccomp_set_flag(struct seccomp_filter *filter, const char *flag, struct fault *fault);

struct seccomp_arg {
	unsigned index;
	uint64_t value, value_two;
	const char *op;		/* "SCMP_CMP_EQ" */
};

/**
 * seccomp_add_rule() - what to do with a system call when all of @args match
 *
 * A system call that this machine does not have is skipped.
 */
int seccomp_add_rule(struct seccomp_filter *filter, const char *syscall_name,
		     const char *action, const uint32_t *errno_value,
		     const struct seccomp_arg *args, unsigned arg_count, struct fault *fault);

/**
 * seccomp_ask_agent() - have the agent answer a system call that is allowed as it is
 *
 * Nothing changes where the filter says anything else of it.
 */
int seccomp_ask_agent(struct seccomp_filter *filter, const char *syscall_name,
		      struct fault *fault);

/**
 * seccomp_compile() - turn the rules into a program; none can be added after that
 * @cache_fd:	directory where programs are kept, nobody else's; -1: keep none
 *
 * The same rules are compiled once: libseccomp takes milliseconds for a profile
 * of hundreds, and loading the library some of one.
 *
 * Return: 0; -EINVAL and others with @fault.
 */
int seccomp_compile(struct seccomp_filter *filter, int cache_fd, struct fault *fault);

/** seccomp_save() - write the program into a container's directory; 0 or negative errno */
int seccomp_save(const struct seccomp_filter *filter, int dir_fd);

/**
 * seccomp_restore() - read it again, for a process that joins the container
 *
 * Return: 0; -ENOENT if the container has no filter; -EBADMSG.
 */
int seccomp_restore(int dir_fd, struct seccomp_filter **ret_filter);

/**
 * seccomp_default() - the filter that "nacre run" gives
 * @caps:	the capabilities that the command may have: each lets calls through
 *
 * What ordinary programs need is allowed; what changes the machine, or lets a
 * container look into others, is refused with EPERM; what nobody listed is
 * answered ENOSYS, so that programs fall back to what they used before.
 */
int seccomp_default(uint64_t caps, struct seccomp_filter **ret_filter, struct fault *fault);

/** seccomp_free() - accepts NULL, returns NULL */
struct seccomp_filter *seccomp_free(struct seccomp_filter *filter);

/** seccomp_notifies() - some calls are answered by an agent */
bool seccomp_notifies(const struct seccomp_filter *filter);

/**
 * seccomp_load_filter() - install a filter on the calling thread; NULL is none
 * @ret_listener: what the agent reads calls from, owned by the caller; -1 without
 */
int seccomp_load_filter(const struct seccomp_filter *filter, int *ret_listener,
			struct fault *fault);

/** seccomp_names() - call @each for every word of a kind: 'a'ction, 'o'perator, a'r'ch, 'f'lag */
void seccomp_names(char kind, void (*each)(const char *word, void *context), void *context);
