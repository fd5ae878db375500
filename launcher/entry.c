/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher/entry.c - where a static nacre begins: before libc does
 *
 * How it works. What self_protect() does, executing ourselves again by way of a
 * read-only mount, costs libc's own beginning twice; on x86-64 that asks the
 * processor about itself some eighty times, and on a virtual machine each answer is
 * a way to the host and back, together more than half a millisecond. So the kernel
 * starts us here, and this does it with nothing but system calls. Whatever fails is
 * left to self_protect(), which checks in any case, and says what is wrong.
 *
 * Nothing of libc's may be called: not even memcpy() has been linked to the version
 * for this processor, and there is no thread for a stack protector's value.
 */
#include "config.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#define SELF "NACRE_SELF="

void nacre_entry_protect(char **stack);

static long call(long number, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return result;
}

/* Its stack: the number of arguments, they, NULL, the environment, NULL. */
__asm__(".text\n"
	".globl nacre_entry\n"
	".type nacre_entry, @function\n"
	"nacre_entry:\n"
	"	xor %ebp, %ebp\n"
	"	mov %rsp, %rdi\n"
	"	push %rdx\n"
	"	sub $8, %rsp\n"
	"	call nacre_entry_protect\n"
	"	add $8, %rsp\n"
	"	pop %rdx\n"
	"	jmp _start\n"
	".size nacre_entry, . - nacre_entry\n");

static bool begins_with(const char *text, const char *start)
{
	while (*start && *text == *start) {
		text++;
		start++;
	}
	return !*start;
}

static bool is_word(const char *text, const char *word)
{
	while (*word && *text == *word) {
		text++;
		word++;
	}
	return *text == *word;
}

/* A verb that becomes a process of a container; or a word that looks like one. */
static bool enters(char **argv)
{
	for (; *argv; argv++)
		if (is_word(*argv, "run") || is_word(*argv, "create") || is_word(*argv, "exec") ||
		    is_word(*argv, "start") || is_word(*argv, "_ended"))
			return true;
	return false;
}

static bool is_read_only(int fd)
{
	struct statfs fs;

	return call(SYS_fstatfs, fd, (long)&fs, 0, 0, 0) != 0 || (fs.f_flags & ST_RDONLY);
}

static int read_only_mount(int exe)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	int tree = (int)call(SYS_open_tree, exe, (long)"",
			     AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC, 0, 0);

	if (tree < 0 || call(SYS_mount_setattr, tree, (long)"", AT_EMPTY_PATH, (long)&attr,
			     sizeof(attr)) != 0)
		return -1;
	return tree;
}

/* With our path added, in the place of no other: an older one means that we were here. */
static void execute(int tree, char **argv, char **env, size_t count)
{
	char self[sizeof(SELF) + PATH_MAX] = SELF;
	char *with[count + 2];
	long length = call(SYS_readlink, (long)"/proc/self/exe", (long)(self + sizeof(SELF) - 1),
			   PATH_MAX, 0, 0);

	if (length <= 0 || length >= PATH_MAX)
		return;
	self[sizeof(SELF) - 1 + (size_t)length] = '\0';
	for (size_t i = 0; i < count; i++)
		with[i] = env[i];
	with[count] = self;
	with[count + 1] = NULL;
	call(SYS_execveat, tree, (long)"", (long)argv, (long)with, AT_EMPTY_PATH);
}

void nacre_entry_protect(char **stack)
{
	char **argv = stack + 1, **env = argv + (size_t)stack[0] + 1;
	size_t count = 0;
	int exe, tree = -1;

	if (!enters(argv))
		return;
	for (; env[count]; count++)
		if (begins_with(env[count], SELF))
			return;
	exe = (int)call(SYS_open, (long)"/proc/self/exe", O_RDONLY | O_CLOEXEC, 0, 0, 0);
	if (exe < 0)
		return;
	if (!is_read_only(exe))
		tree = read_only_mount(exe);
	if (tree >= 0) {
		execute(tree, argv, env, count);
		call(SYS_close, tree, 0, 0, 0, 0);
	}
	call(SYS_close, exe, 0, 0, 0, 0);
}
