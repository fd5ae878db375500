/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/seccomp.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "launcher/seccomp_impl.h"

/* With a listener only: a fatal signal alone interrupts a call that the agent has. */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct { const char *name; uint32_t action; bool takes_errno; } actions[] = {
	{ "SCMP_ACT_ALLOW", SCMP_ACT_ALLOW, false },
	{ "SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0), true },
	{ "SCMP_ACT_KILL", SCMP_ACT_KILL, false },
	{ "SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS, false },
	{ "SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD, false },
	{ "SCMP_ACT_LOG", SCMP_ACT_LOG, false },
	{ "SCMP_ACT_NOTIFY", SCMP_ACT_NOTIFY, false },
	{ "SCMP_ACT_TRACE", SCMP_ACT_TRACE(0), true },
	{ "SCMP_ACT_TRAP", SCMP_ACT_TRAP, false },
};

static const struct { const char *name; enum scmp_compare op; } operators[] = {
	{ "SCMP_CMP_NE", SCMP_CMP_NE }, { "SCMP_CMP_LT", SCMP_CMP_LT },
	{ "SCMP_CMP_LE", SCMP_CMP_LE }, { "SCMP_CMP_EQ", SCMP_CMP_EQ },
	{ "SCMP_CMP_GE", SCMP_CMP_GE }, { "SCMP_CMP_GT", SCMP_CMP_GT },
	{ "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ },
};

static const struct { const char *name; unsigned flag; } flags[] = {
	/* All our threads are one: there is nothing to synchronise. */
	{ "SECCOMP_FILTER_FLAG_TSYNC", 0 },
	{ "SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG },
	{ "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
	{ "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV },
};

static const char *const archs[] = {
	"SCMP_ARCH_X86", "SCMP_ARCH_X86_64", "SCMP_ARCH_X32", "SCMP_ARCH_ARM",
	"SCMP_ARCH_AARCH64", "SCMP_ARCH_MIPS", "SCMP_ARCH_MIPS64", "SCMP_ARCH_MIPS64N32",
	"SCMP_ARCH_MIPSEL", "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PPC",
	"SCMP_ARCH_PPC64", "SCMP_ARCH_PPC64LE", "SCMP_ARCH_RISCV64", "SCMP_ARCH_S390",
	"SCMP_ARCH_S390X", "SCMP_ARCH_PARISC", "SCMP_ARCH_PARISC64", "SCMP_ARCH_LOONGARCH64",
	"SCMP_ARCH_M68K", "SCMP_ARCH_SH", "SCMP_ARCH_SHEB",
};

#define ERRNO_DEFAULT EPERM

static int find_action(const char *name, const uint32_t *errno_value, uint32_t *ret_action,
		       struct fault *f)
{
	for (size_t i = 0; name && i < COUNT(actions); i++) {
		if (strcmp(actions[i].name, name) != 0)
			continue;
		if (errno_value && !actions[i].takes_errno)
			return fault_set(f, 0, "the system call filter gives an error to '%s', "
					 "which answers none", name);
		*ret_action = actions[i].action;
		if (actions[i].takes_errno)
			*ret_action |= (errno_value ? *errno_value : ERRNO_DEFAULT) & 0xffff;
		return 0;
	}
	return fault_set(f, 0, "'%s' is no action of a system call filter that nacre supports",
			 name ? name : "");
}

int seccomp_new(const char *action, const uint32_t *errno_value,
		struct seccomp_filter **ret_filter, struct fault *f)
{
	struct seccomp_filter *filter = calloc(1, sizeof(*filter));
	int r;

	if (!filter)
		return fault_set(f, -ENOMEM, "cannot make the system call filter");
	r = find_action(action, errno_value, &filter->default_action, f);
	if (r >= 0 && filter->default_action == SCMP_ACT_NOTIFY)
		r = fault_set(f, 0, "an agent cannot be asked about every system call: handing "
			      "its socket over takes some\n"
			      "Name those that it answers in rules.");
	if (r < 0) {
		seccomp_free(filter);
		return r;
	}
	*ret_filter = filter;
	return 0;
}

int seccomp_add_arch(struct seccomp_filter *filter, const char *arch, struct fault *f)
{
	for (size_t i = 0; i < COUNT(archs); i++)
		if (strcmp(archs[i], arch) == 0)
			return opt_list_add(&filter->archs, arch) < 0
				       ? fault_set(f, -ENOMEM, "cannot add an architecture") : 0;
	return fault_set(f, 0, "'%s' is no architecture that nacre knows", arch);
}

int seccomp_set_flag(struct seccomp_filter *filter, const char *flag, struct fault *f)
{
	for (size_t i = 0; i < COUNT(flags); i++) {
		if (strcmp(flags[i].name, flag) == 0) {
			filter->flags |= flags[i].flag;
			return 0;
		}
	}
	return fault_set(f, 0, "'%s' is no flag of a system call filter that nacre supports", flag);
}

static int find_operator(const char *name, enum scmp_compare *ret_op)
{
	for (size_t i = 0; name && i < COUNT(operators); i++) {
		if (strcmp(operators[i].name, name) == 0) {
			*ret_op = operators[i].op;
			return 0;
		}
	}
	return -EINVAL;
}

static int read_args(const char *name, const struct seccomp_arg *args, unsigned count,
		     struct seccomp_rule *rule, struct fault *f)
{
	if (count > SECCOMP_ARGS)
		return fault_set(f, 0, "the filter of '%s' has more than 6 arguments", name);
	for (unsigned i = 0; i < count; i++) {
		enum scmp_compare op;

		if (args[i].index > 5 || find_operator(args[i].op, &op) < 0)
			return fault_set(f, 0, "the filter of '%s' compares argument %u by '%s'",
					 name, args[i].index, args[i].op ? args[i].op : "");
		rule->args[i] = (struct scmp_arg_cmp){ args[i].index, op, args[i].value,
						       args[i].value_two };
	}
	rule->arg_count = count;
	return 0;
}

static int append(struct seccomp_filter *filter, const struct seccomp_rule *rule,
		  const char *name, struct fault *f)
{
	struct seccomp_rule *rules = filter->rules;

	/* In steps: profiles have hundreds. */
	if (filter->rule_count % 64 == 0)
		rules = reallocarray(rules, filter->rule_count + 64, sizeof(*rules));
	if (!rules)
		return fault_set(f, -ENOMEM, "cannot make the system call filter");
	filter->rules = rules;
	rules[filter->rule_count] = *rule;
	rules[filter->rule_count].name = strdup(name);
	if (!rules[filter->rule_count].name)
		return fault_set(f, -ENOMEM, "cannot make the system call filter");
	filter->rule_count++;
	return 0;
}

int seccomp_add_rule(struct seccomp_filter *filter, const char *name, const char *action_name,
		     const uint32_t *errno_value, const struct seccomp_arg *args,
		     unsigned arg_count, struct fault *f)
{
	struct seccomp_rule rule = { 0 };
	int r = find_action(action_name, errno_value, &rule.action, f);

	if (r >= 0)
		r = read_args(name, args, arg_count, &rule, f);
	if (r < 0)
		return r;
	if (rule.action == SCMP_ACT_NOTIFY && strcmp(name, "sendmsg") == 0)
		return fault_set(f, 0, "an agent cannot be asked about 'sendmsg': it is what hands "
				 "its socket over");
	filter->notifies |= rule.action == SCMP_ACT_NOTIFY;
	return append(filter, &rule, name, f);
}

int seccomp_ask_agent(struct seccomp_filter *filter, const char *name, struct fault *f)
{
	bool allowed = filter->default_action == SCMP_ACT_ALLOW;
	size_t kept = 0;

	for (size_t i = 0; i < filter->rule_count; i++) {
		struct seccomp_rule *rule = &filter->rules[i];

		if (strcmp(rule->name, name) == 0) {
			if (rule->action != SCMP_ACT_ALLOW || rule->arg_count)
				return 0;
			allowed = true;
		}
	}
	if (!allowed)
		return 0;
	for (size_t i = 0; i < filter->rule_count; i++) {
		if (strcmp(filter->rules[i].name, name) == 0)
			free(filter->rules[i].name);
		else
			filter->rules[kept++] = filter->rules[i];
	}
	filter->rule_count = kept;
	return seccomp_add_rule(filter, name, "SCMP_ACT_NOTIFY", NULL, NULL, 0, f);
}

struct seccomp_filter *seccomp_free(struct seccomp_filter *filter)
{
	if (!filter)
		return NULL;
	for (size_t i = 0; i < filter->rule_count; i++)
		free(filter->rules[i].name);
	free(filter->rules);
	opt_list_done(&filter->archs);
	buf_done(&filter->code);
	free(filter);
	return NULL;
}

bool seccomp_notifies(const struct seccomp_filter *filter)
{
	return filter && filter->notifies;
}

int seccomp_load_filter(const struct seccomp_filter *filter, int *ret_listener, struct fault *f)
{
	struct sock_fprog program;
	unsigned used;
	long r;

	*ret_listener = -1;
	if (!filter)
		return 0;
	if (!filter->code.length)
		return fault_set(f, -EINVAL, "the system call filter was not compiled");
	used = filter->flags;
	if (filter->notifies)
		used |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
	else
		used &= ~(unsigned)SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	program.len = (unsigned short)(filter->code.length / sizeof(struct sock_filter));
	program.filter = (void *)filter->code.data;
	r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, used, &program);
	if (r < 0)
		return fault_set(f, -errno, "cannot install the system call filter");
	if (filter->notifies)
		*ret_listener = (int)r;
	return 0;
}

void seccomp_names(char kind, void (*each)(const char *word, void *context), void *context)
{
	for (size_t i = 0; kind == 'a' && i < COUNT(actions); i++)
		each(actions[i].name, context);
	for (size_t i = 0; kind == 'o' && i < COUNT(operators); i++)
		each(operators[i].name, context);
	for (size_t i = 0; kind == 'r' && i < COUNT(archs); i++)
		each(archs[i], context);
	for (size_t i = 0; kind == 'f' && i < COUNT(flags); i++)
		each(flags[i].name, context);
}
