/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How it works. The rules written as text are the key to their program. A file of
 * the cache holds the text, too, and counts only if that is equal: two profiles
 * whose names happen to be the same are told apart. The version of libseccomp is
 * part of the text, and the kernel's, which decides what libseccomp offers.
 */
#include "config.h"
#include "launcher/seccomp_impl.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/seccomp_cache.h"

#define SAVED_NAME "seccomp"
#define MAGIC "nacre-seccomp 1\n"

/* What is in front of a program in a file; then the key, then the code. */
struct header {
	char magic[16];
	uint32_t flags, notifies, key_length, code_length;
};

static void write_key(const struct seccomp_filter *filter, struct buf *key)
{
	struct utsname kernel;

	uname(&kernel);
	buf_addf(key, "nacre %s %s %s default %x\n", PACKAGE_VERSION, kernel.release,
		 kernel.machine, filter->default_action);
	for (size_t i = 0; i < filter->archs.count; i++)
		buf_addf(key, "%s\n", filter->archs.items[i]);
	for (size_t i = 0; i < filter->rule_count; i++) {
		const struct seccomp_rule *rule = &filter->rules[i];

		buf_adds(key, rule->name);
		buf_addf(key, " %x", rule->action);
		for (unsigned a = 0; a < rule->arg_count; a++)
			buf_addf(key, " %u,%d,%" PRIx64 ",%" PRIx64, rule->args[a].arg,
				 (int)rule->args[a].op, rule->args[a].datum_a,
				 rule->args[a].datum_b);
		buf_adds(key, "\n");
	}
}

/* FNV-1a: names a file, decides nothing. */
static void name_of_key(const struct buf *key, char name[32])
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < key->length; i++)
		hash = (hash ^ (unsigned char)key->data[i]) * UINT64_C(0x100000001b3);
	snprintf(name, 32, SECCOMP_CACHE_PREFIX "%016" PRIx64, hash);
}

static int write_file(int dir_fd, const char *name, const struct seccomp_filter *filter,
		      const struct buf *key)
{
	struct header h = {
		.flags = filter->flags,
		.notifies = filter->notifies,
		.key_length = key ? (uint32_t)key->length : 0,
		.code_length = (uint32_t)filter->code.length,
	};
	cleanup_buf struct buf all = BUF_INIT;
	cleanup_fd int fd = -1;
	char temp[48];

	memcpy(h.magic, MAGIC, sizeof(h.magic));
	buf_add(&all, &h, sizeof(h));
	if (key)
		buf_add(&all, key->data, key->length);
	buf_add(&all, filter->code.data, filter->code.length);
	if (buf_error(&all))
		return buf_error(&all);

	snprintf(temp, sizeof(temp), "%s.%d", name, getpid());
	fd = neg_errno(openat(dir_fd, temp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
			      0600));
	if (fd < 0)
		return fd;
	if (write(fd, all.data, all.length) != (ssize_t)all.length ||
	    renameat(dir_fd, temp, dir_fd, name) < 0) {
		(void)unlinkat(dir_fd, temp, 0);
		return -EIO;
	}
	return 0;
}

/* @key: what the file must have been made from; NULL: anything. */
static int read_file(int dir_fd, const char *name, const struct buf *key,
		     struct seccomp_filter *filter)
{
	cleanup_fd int fd = neg_errno(openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
	cleanup_buf struct buf text = BUF_INIT;
	struct header h;
	struct stat st;
	int r;

	if (fd < 0)
		return fd;
	/* A program that others could have written is none of ours. */
	if (fstat(fd, &st) < 0 || st.st_uid != geteuid() || (st.st_mode & 077))
		return -EBADMSG;
	r = buf_read_fd(&text, fd);
	if (r < 0)
		return r;
	if (text.length < sizeof(h))
		return -EBADMSG;
	memcpy(&h, text.data, sizeof(h));
	if (memcmp(h.magic, MAGIC, sizeof(h.magic)) != 0 || !h.code_length ||
	    h.code_length % 8 || sizeof(h) + (size_t)h.key_length + h.code_length != text.length)
		return -EBADMSG;
	if (key && (key->length != h.key_length ||
		    memcmp(key->data, text.data + sizeof(h), key->length) != 0))
		return -ENOENT;
	if (!key) {
		filter->flags = h.flags;
		filter->notifies = h.notifies;
	}
	buf_add(&filter->code, text.data + sizeof(h) + h.key_length, h.code_length);
	return buf_error(&filter->code);
}

static int add_arch(scmp_filter_ctx context, const char *arch, struct fault *f)
{
	char lower[32] = "";
	uint32_t token;
	int r;

	for (size_t i = 0; arch[i + 10] && i < sizeof(lower) - 1; i++)
		lower[i] = (char)tolower((unsigned char)arch[i + 10]);
	token = seccomp_arch_resolve_name(lower);
	if (!token)
		return fault_set(f, 0, "'%s' is no architecture that libseccomp knows", arch);
	r = seccomp_arch_add(context, token);
	/* EDOM: of the other byte order; its programs cannot run here. */
	return r < 0 && r != -EEXIST && r != -EDOM
		       ? fault_set(f, r, "cannot add the architecture '%s'", arch) : 0;
}

static int add_rule(scmp_filter_ctx context, const struct seccomp_filter *filter,
		    const struct seccomp_rule *rule, struct fault *f)
{
	int number, r;

	if (rule->action == filter->default_action)
		return 0;	/* libseccomp refuses what changes nothing */
	number = seccomp_syscall_resolve_name(rule->name);
	if (number == __NR_SCMP_ERROR)
		return 0;
	r = seccomp_rule_add_array(context, rule->action, number, rule->arg_count, rule->args);
	/* EDOM: a call that only some of the architectures have. */
	return r < 0 && r != -EDOM && r != -EEXIST
		       ? fault_set(f, r, "cannot add '%s' to the system call filter", rule->name)
		       : 0;
}

static int export_code(scmp_filter_ctx context, struct buf *code)
{
	cleanup_fd int fd = neg_errno(memfd_create("seccomp", MFD_CLOEXEC));
	int r = fd < 0 ? fd : seccomp_export_bpf(context, fd);

	if (r >= 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	return r < 0 ? r : buf_read_fd(code, fd);
}

static int compile(struct seccomp_filter *filter, struct fault *f)
{
	scmp_filter_ctx context = seccomp_init(filter->default_action);
	int r = 0;

	if (!context)
		return fault_set(f, -ENOMEM, "cannot make the system call filter");
	/* no_new_privs is the process's own setting, not the filter's. */
	(void)seccomp_attr_set(context, SCMP_FLTATR_CTL_NNP, 0);
	for (size_t i = 0; r >= 0 && i < filter->archs.count; i++)
		r = add_arch(context, filter->archs.items[i], f);
	for (size_t i = 0; r >= 0 && i < filter->rule_count; i++)
		r = add_rule(context, filter, &filter->rules[i], f);
	if (r >= 0) {
		r = export_code(context, &filter->code);
		if (r < 0)
			fault_set(f, r, "cannot compile the system call filter");
	}
	seccomp_release(context);
	return r;
}

int seccomp_compile(struct seccomp_filter *filter, int cache_fd, struct fault *f)
{
	cleanup_buf struct buf key = BUF_INIT;
	char name[32];
	int r;

	if (!filter || filter->code.length)
		return 0;
	write_key(filter, &key);
	if (buf_error(&key))
		return fault_set(f, -ENOMEM, "cannot compile the system call filter");
	name_of_key(&key, name);
	if (cache_fd >= 0 && read_file(cache_fd, name, &key, filter) == 0) {
		seccomp_cache_used(cache_fd, name);
		return 0;
	}
	buf_reset(&filter->code);
	r = compile(filter, f);
	/* Without the file the next one compiles it again. */
	if (r >= 0 && cache_fd >= 0 && write_file(cache_fd, name, filter, &key) >= 0)
		seccomp_cache_trim(cache_fd);
	return r;
}

int seccomp_save(const struct seccomp_filter *filter, int dir_fd)
{
	return write_file(dir_fd, SAVED_NAME, filter, NULL);
}

int seccomp_restore(int dir_fd, struct seccomp_filter **ret_filter)
{
	struct seccomp_filter *filter = calloc(1, sizeof(*filter));
	int r = filter ? read_file(dir_fd, SAVED_NAME, NULL, filter) : -ENOMEM;

	if (r < 0) {
		seccomp_free(filter);
		return r;
	}
	*ret_filter = filter;
	return 0;
}
