/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/seccomp.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/errors.h"

/* With a listener only: a fatal signal alone interrupts a call that the agent has. */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

struct seccomp_filter {
	scmp_filter_ctx context;	/* NULL once compiled */
	uint32_t default_action;
	unsigned flags;			/* SECCOMP_FILTER_FLAG_* */
	bool notifies;			/* some calls are answered by an agent */
	struct buf code;
};

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
	"SCMP_ARCH_S390X",
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
	if (r >= 0)
		filter->context = seccomp_init(filter->default_action);
	if (r >= 0 && !filter->context)
		r = fault_set(f, -ENOMEM, "cannot make the system call filter");
	if (r < 0) {
		seccomp_free(filter);
		return r;
	}
	/* no_new_privs is the process's own setting, not the filter's. */
	(void)seccomp_attr_set(filter->context, SCMP_FLTATR_CTL_NNP, 0);
	*ret_filter = filter;
	return 0;
}

int seccomp_add_arch(struct seccomp_filter *filter, const char *arch, struct fault *f)
{
	char lower[32] = "";
	uint32_t token;
	int r;

	for (size_t i = 0; strncmp(arch, "SCMP_ARCH_", 10) == 0 && arch[i + 10] && i < 31; i++)
		lower[i] = (char)(arch[i + 10] >= 'A' && arch[i + 10] <= 'Z' ? arch[i + 10] + 32
									      : arch[i + 10]);
	token = seccomp_arch_resolve_name(lower);
	if (!token)
		return fault_set(f, 0, "'%s' is no architecture that libseccomp knows", arch);
	r = seccomp_arch_add(filter->context, token);
	return r < 0 && r != -EEXIST && r != -EDOM
		       ? fault_set(f, r, "cannot add the architecture '%s'", arch) : 0;
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

int seccomp_add_rule(struct seccomp_filter *filter, const char *name, const char *action_name,
		     const uint32_t *errno_value, const struct seccomp_arg *args,
		     unsigned arg_count, struct fault *f)
{
	struct scmp_arg_cmp compare[6];
	uint32_t action = 0;
	int number, r = find_action(action_name, errno_value, &action, f);

	if (r < 0)
		return r;
	if (action == filter->default_action)
		return 0;	/* libseccomp refuses what changes nothing */
	number = seccomp_syscall_resolve_name(name);
	if (number == __NR_SCMP_ERROR)
		return 0;
	if (action == SCMP_ACT_NOTIFY && strcmp(name, "sendmsg") == 0)
		return fault_set(f, 0, "an agent cannot be asked about 'sendmsg': it is what hands "
				 "its socket over");
	filter->notifies |= action == SCMP_ACT_NOTIFY;
	if (arg_count > COUNT(compare))
		return fault_set(f, 0, "the filter of '%s' has more than 6 arguments", name);

	for (unsigned i = 0; i < arg_count; i++) {
		enum scmp_compare op;

		if (args[i].index > 5 || find_operator(args[i].op, &op) < 0)
			return fault_set(f, 0, "the filter of '%s' compares argument %u by '%s'",
					 name, args[i].index, args[i].op ? args[i].op : "");
		compare[i] = (struct scmp_arg_cmp){ args[i].index, op, args[i].value,
						    args[i].value_two };
	}
	r = seccomp_rule_add_array(filter->context, action, number, arg_count, compare);
	/* EDOM: a call that only some of the architectures have. */
	return r < 0 && r != -EDOM && r != -EEXIST
		       ? fault_set(f, r, "cannot add '%s' to the system call filter", name) : 0;
}

int seccomp_compile(struct seccomp_filter *filter, struct fault *f)
{
	cleanup_fd int fd = neg_errno(memfd_create("seccomp", MFD_CLOEXEC));
	int r = fd < 0 ? fd : seccomp_export_bpf(filter->context, fd);

	if (r >= 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	if (r >= 0)
		r = buf_read_fd(&filter->code, fd);
	if (r < 0)
		return fault_set(f, r, "cannot compile the system call filter");
	seccomp_release(filter->context);
	filter->context = NULL;
	return 0;
}

struct seccomp_filter *seccomp_free(struct seccomp_filter *filter)
{
	if (!filter)
		return NULL;
	if (filter->context)
		seccomp_release(filter->context);
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
