/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/devices_bpf.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"

/* At most 8 instructions a rule and right, and 6 around them. */
#define INSNS_PER_TEST 8

struct program {
	struct bpf_insn *code;
	size_t count;
};

/* r2 type, r3 access, r4 major, r5 minor, of struct bpf_cgroup_dev_ctx in r1. */
enum { REG_TYPE = BPF_REG_2, REG_ACCESS = BPF_REG_3, REG_MAJOR = BPF_REG_4,
       REG_MINOR = BPF_REG_5 };

static void emit(struct program *p, uint8_t code, unsigned dst, unsigned src, int16_t offset,
		 int32_t imm)
{
	p->code[p->count++] = (struct bpf_insn){
		.code = code, .dst_reg = dst & 15, .src_reg = src & 15, .off = offset, .imm = imm,
	};
}

static void emit_prologue(struct program *p)
{
	emit(p, BPF_LDX | BPF_MEM | BPF_W, REG_TYPE, BPF_REG_1, 0, 0);
	emit(p, BPF_ALU64 | BPF_MOV | BPF_X, REG_ACCESS, REG_TYPE, 0, 0);
	emit(p, BPF_ALU64 | BPF_AND | BPF_K, REG_TYPE, 0, 0, 0xffff);
	emit(p, BPF_ALU64 | BPF_RSH | BPF_K, REG_ACCESS, 0, 0, 16);
	emit(p, BPF_LDX | BPF_MEM | BPF_W, REG_MAJOR, BPF_REG_1, 4, 0);
	emit(p, BPF_LDX | BPF_MEM | BPF_W, REG_MINOR, BPF_REG_1, 8, 0);
}

static void emit_exit(struct program *p, int value)
{
	emit(p, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, value);
	emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static int access_bits(const char *access)
{
	return (strchr(access, 'r') ? BPF_DEVCG_ACC_READ : 0) |
	       (strchr(access, 'w') ? BPF_DEVCG_ACC_WRITE : 0) |
	       (strchr(access, 'm') ? BPF_DEVCG_ACC_MKNOD : 0);
}

/*
 * One rule: if it matches, an allowing one takes its rights off the access and
 * lets it pass once none is left; a denying one refuses if any is left that it
 * names. Jumps over the rest of the rule are patched once its end is known.
 */
static void emit_rule(struct program *p, const struct limit_device *d)
{
	int bits = d->type == 'a' ? 7 : access_bits(d->access);
	size_t start = p->count;

	if (d->type != 'a')
		emit(p, BPF_JMP | BPF_JNE | BPF_K, REG_TYPE, 0, 0,
		     d->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
	if (d->major >= 0 && d->type != 'a')
		emit(p, BPF_JMP | BPF_JNE | BPF_K, REG_MAJOR, 0, 0, (int32_t)d->major);
	if (d->minor >= 0 && d->type != 'a')
		emit(p, BPF_JMP | BPF_JNE | BPF_K, REG_MINOR, 0, 0, (int32_t)d->minor);

	if (d->allow) {
		emit(p, BPF_ALU64 | BPF_AND | BPF_K, REG_ACCESS, 0, 0, ~bits);
		emit(p, BPF_JMP | BPF_JNE | BPF_K, REG_ACCESS, 0, 0, 0);
		emit_exit(p, 1);
	} else {
		emit(p, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_0, REG_ACCESS, 0, 0);
		emit(p, BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_0, 0, 0, bits);
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 0, 0);
		emit_exit(p, 0);
	}

	for (size_t i = start; i < p->count; i++)
		if (BPF_CLASS(p->code[i].code) == BPF_JMP &&
		    p->code[i].code != (BPF_JMP | BPF_EXIT))
			p->code[i].off = (int16_t)(p->count - i - 1);
}

/* Rules before one that decides everything never matter. */
static size_t first_that_matters(const struct limits *l)
{
	for (size_t i = l->device_count; i-- > 0;)
		if (l->devices[i].type == 'a')
			return i;
	return 0;
}

int devices_bpf_compile(const struct limits *l, struct bpf_insn **ret_code,
			size_t *ret_count)
{
	size_t first = first_that_matters(l);
	struct program p = { 0 };

	p.code = calloc((l->device_count - first) * INSNS_PER_TEST + 8, sizeof(*p.code));
	if (!p.code)
		return -ENOMEM;

	emit_prologue(&p);
	for (size_t i = l->device_count; i-- > first;)
		emit_rule(&p, &l->devices[i]);
	/* The kernel's default, as long as no rule says otherwise. */
	emit_exit(&p, 1);

	*ret_code = p.code;
	*ret_count = p.count;
	return 0;
}

int devices_bpf_attach(const struct limits *l, int cgroup_fd, struct fault *f)
{
	cleanup_free struct bpf_insn *code = NULL;
	cleanup_fd int program = -1;
	union bpf_attr attr;
	size_t count;
	int r;

	if (cgroup_fd < 0)
		return fault_set(f, 0, "this host cannot limit devices: it has neither the devices "
				 "controller nor a v2 tree");
	r = devices_bpf_compile(l, &code, &count);
	if (r < 0)
		return fault_set(f, r, "cannot compile the device rules");

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = (uintptr_t)code;
	attr.insn_cnt = (uint32_t)count;
	attr.license = (uintptr_t)"Apache-2.0";
	program = neg_errno((int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr)));
	if (program < 0)
		return fault_set(f, program, "the kernel does not take the device rules");

	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)cgroup_fd;
	attr.attach_bpf_fd = (uint32_t)program;
	attr.attach_type = BPF_CGROUP_DEVICE;
	attr.attach_flags = BPF_F_ALLOW_MULTI;
	r = neg_errno((int)syscall(SYS_bpf, BPF_PROG_ATTACH, &attr, sizeof(attr)));
	return r < 0 ? fault_set(f, r, "cannot attach the device rules to the cgroup") : 0;
}
