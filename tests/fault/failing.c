/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/fault/failing.so - loaded into a daemon with LD_PRELOAD, fails the Nth call
 *
 * NACRE_FAILING names a file that holds a struct failing: see tests/fault/failctl.c.
 * What is counted are the calls that go to layers; those of the session, which reads and
 * writes /dev/fuse, are not. Nothing is counted until somebody arms it.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "tests/fault/failing.h"

static struct failing *shared;

__attribute__((constructor)) static void set_up(void)
{
	const char *path = getenv("NACRE_FAILING");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *p;

	if (fd < 0)
		return;
	p = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p != MAP_FAILED)
		shared = p;
	close(fd);
}

static bool fails(const char *name, bool is_memory)
{
	struct failing *s = shared;

	if (!s || atomic_load(&s->countdown) <= 0 || s->of_memory != is_memory ||
	    atomic_fetch_sub(&s->countdown, 1) != 1)
		return false;
	strncpy(s->name, name, sizeof(s->name) - 1);
	atomic_store(&s->hit, 1);
	errno = is_memory ? ENOMEM : s->error;
	return true;
}

/* The call itself, or -1 in its place. */
#define FAILING(type, name, parameters, arguments)                             \
	type name parameters;                                                  \
	type name parameters                                                   \
	{                                                                      \
		static type(*real) parameters;                                 \
                                                                               \
		if (!real)                                                     \
			real = (type(*) parameters)dlsym(RTLD_NEXT, #name);    \
		return fails(#name, false) ? (type)-1 : real arguments;        \
	}

struct statx;
struct file_handle;

FAILING(int, mkdirat, (int d, const char *n, mode_t m), (d, n, m))
FAILING(int, mknodat, (int d, const char *n, mode_t m, dev_t r), (d, n, m, r))
FAILING(int, symlinkat, (const char *t, int d, const char *n), (t, d, n))
FAILING(int, linkat, (int d, const char *n, int e, const char *o, int f), (d, n, e, o, f))
FAILING(int, unlinkat, (int d, const char *n, int f), (d, n, f))
FAILING(int, renameat, (int d, const char *n, int e, const char *o), (d, n, e, o))
FAILING(int, renameat2, (int d, const char *n, int e, const char *o, unsigned f),
	(d, n, e, o, f))
FAILING(int, fchmod, (int d, mode_t m), (d, m))
FAILING(int, fchmodat, (int d, const char *n, mode_t m, int f), (d, n, m, f))
FAILING(int, fchown, (int d, uid_t u, gid_t g), (d, u, g))
FAILING(int, fchownat, (int d, const char *n, uid_t u, gid_t g, int f), (d, n, u, g, f))
FAILING(int, utimensat, (int d, const char *n, const struct timespec t[2], int f),
	(d, n, t, f))
FAILING(int, futimens, (int d, const struct timespec t[2]), (d, t))
FAILING(int, ftruncate, (int d, off_t s), (d, s))
FAILING(int, fallocate, (int d, int m, off_t o, off_t s), (d, m, o, s))
FAILING(ssize_t, pread, (int d, void *b, size_t s, off_t o), (d, b, s, o))
FAILING(ssize_t, pwrite, (int d, const void *b, size_t s, off_t o), (d, b, s, o))
FAILING(ssize_t, copy_file_range, (int d, off_t *o, int e, off_t *p, size_t s, unsigned f),
	(d, o, e, p, s, f))
FAILING(int, fsync, (int d), (d))
FAILING(int, fdatasync, (int d), (d))
FAILING(int, setxattr, (const char *p, const char *a, const void *v, size_t s, int f),
	(p, a, v, s, f))
FAILING(int, lsetxattr, (const char *p, const char *a, const void *v, size_t s, int f),
	(p, a, v, s, f))
FAILING(int, fsetxattr, (int d, const char *a, const void *v, size_t s, int f),
	(d, a, v, s, f))
FAILING(ssize_t, getxattr, (const char *p, const char *a, void *v, size_t s), (p, a, v, s))
FAILING(ssize_t, lgetxattr, (const char *p, const char *a, void *v, size_t s), (p, a, v, s))
FAILING(ssize_t, fgetxattr, (int d, const char *a, void *v, size_t s), (d, a, v, s))
FAILING(ssize_t, listxattr, (const char *p, char *l, size_t s), (p, l, s))
FAILING(ssize_t, llistxattr, (const char *p, char *l, size_t s), (p, l, s))
FAILING(ssize_t, flistxattr, (int d, char *l, size_t s), (d, l, s))
FAILING(int, removexattr, (const char *p, const char *a), (p, a))
FAILING(int, lremovexattr, (const char *p, const char *a), (p, a))
FAILING(int, fremovexattr, (int d, const char *a), (d, a))
FAILING(int, statx, (int d, const char *n, int f, unsigned m, struct statx *s),
	(d, n, f, m, s))
FAILING(ssize_t, readlinkat, (int d, const char *n, char *b, size_t s), (d, n, b, s))
FAILING(int, name_to_handle_at, (int d, const char *n, struct file_handle *h, int *i, int f),
	(d, n, h, i, f))
FAILING(int, open_by_handle_at, (int d, struct file_handle *h, int f), (d, h, f))

int open(const char *path, int flags, ...)
{
	static int (*real)(const char *, int, ...);
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = va_arg(args, mode_t);
	va_end(args);
	if (!real)
		real = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
	return fails("open", false) ? -1 : real(path, flags, mode);
}

int openat(int dir_fd, const char *name, int flags, ...)
{
	static int (*real)(int, const char *, int, ...);
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = va_arg(args, mode_t);
	va_end(args);
	if (!real)
		real = (int (*)(int, const char *, int, ...))dlsym(RTLD_NEXT, "openat");
	return fails("openat", false) ? -1 : real(dir_fd, name, flags, mode);
}

/* Those without a function in the C library. */
static const struct {
	long number;
	const char *name;
} numbers[] = {
	{ SYS_getdents64, "getdents64" }, { SYS_openat2, "openat2" },
	{ 463, "setxattrat" },		  { 464, "getxattrat" },
	{ 465, "listxattrat" },		  { 466, "removexattrat" },
};

long syscall(long number, ...)
{
	static long (*real)(long, ...);
	long a[6];
	va_list args;

	va_start(args, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (!real)
		real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (numbers[i].number == number && fails(numbers[i].name, false))
			return -1;
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* ---- memory; dlsym() would ask for some, the C library's own names do not ---- */

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

void *malloc(size_t size)
{
	return fails("malloc", true) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return fails("calloc", true) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *p, size_t size)
{
	return fails("realloc", true) ? NULL : __libc_realloc(p, size);
}
