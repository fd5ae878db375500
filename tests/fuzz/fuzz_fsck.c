/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A damaged upper layer, looked at and mended: each step of the input puts an object or
 * an attribute somewhere. Whatever they are, both layers below stay as they are, and
 * what was mended is not found again.
 */
#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "launcher/tree.h"
#include "tests/fuzz/fuzz.h"
#include "unionfs/fsck.h"

static char base[] = "/tmp/fuzz-fsck-XXXXXX";
static int base_fd;

static void clean_up(void)
{
	(void)tree_remove(AT_FDCWD, base);
}

static void make_file(const char *name)
{
	int fd = openat(base_fd, name, O_WRONLY | O_CREAT, 0644);

	if (fd >= 0)
		close(fd);
}

static void set_up(void)
{
	static const char *const dirs[] = {
		"low1", "low1/d", "low1/d/e", "low2", "low2/d", "low2/c", "outside",
	};

	fuzz_assert(mkdtemp(base));
	atexit(clean_up);
	base_fd = open(base, O_RDONLY | O_DIRECTORY);
	fuzz_assert(base_fd >= 0);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		fuzz_assert(mkdirat(base_fd, dirs[i], 0755) == 0);
	make_file("low1/d/f");
	make_file("low2/c/g");
	make_file("low2/f");
	make_file("outside/x");
	/* What is found is told, and nobody wants to know. */
	fuzz_assert(freopen("/dev/null", "w", stdout));
}

#define BUILT "work/work"

static const char *const places[] = {
	"upper", "upper/c", "upper/d", "upper/d/e", "upper/d/f", "upper/f", "upper/g",
	"upper/.wh.d", "upper/d/.wh..wh..opq", BUILT "/#1", "work/index/#2",
	"work/index/00fb1d0001", BUILT "/incompat", BUILT "/incompat/volatile",
	"upper/c/.wh.g", "work/index",
};

static const char *const attrs[] = {
	"user.overlay.opaque", "user.overlay.redirect", "user.overlay.metacopy",
	"user.overlay.origin", "user.overlay.impure", "user.overlay.nlink",
	"user.overlay.uuid", "user.overlay.whiteout", "user.overlay.upper",
	"user.overlay.literal", "user.overlay.overlay.redirect",
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* What to do, where, how many bytes follow, and these. */
static size_t step(const uint8_t *data, size_t size)
{
	const char *place = places[data[1] % COUNT(places)];
	size_t length = size - 3 < data[2] ? size - 3 : data[2];
	char path[128];

	switch (data[0] % 16) {
	case 0:
		(void)mkdirat(base_fd, place, 0755);
		break;
	case 1:
		(void)mknodat(base_fd, place, S_IFCHR, 0);
		break;
	case 2:
		make_file(place);
		break;
	case 3:
		(void)symlinkat("../outside/x", base_fd, place);
		break;
	case 4:
		(void)linkat(base_fd, place, base_fd, "upper/link", 0);
		break;
	default:
		snprintf(path, sizeof(path), "%s/%s", base, place);
		(void)lsetxattr(path, attrs[data[0] / 16 % COUNT(attrs)], data + 3, length, 0);
		break;
	}
	return 3 + length;
}

static int run_fsck(char *repair)
{
	char dash_o[] = "-o", options[512];
	char *words[] = { dash_o, options, repair };

	snprintf(options, sizeof(options),
		 "userxattr,lowerdir=%s/low1:%s/low2,upperdir=%s/upper,workdir=%s/work",
		 base, base, base, base);
	return fsck_main(repair ? 3 : 2, words);
}

static unsigned entries(const char *name)
{
	DIR *dir = fdopendir(openat(base_fd, name, O_RDONLY | O_DIRECTORY));
	unsigned n = 0;

	fuzz_assert(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char repair[] = "--repair";
	int status;

	if (base[sizeof(base) - 2] == 'X')
		set_up();
	fuzz_assert(mkdirat(base_fd, "upper", 0755) == 0);
	fuzz_assert(mkdirat(base_fd, "work", 0755) == 0);
	(void)mkdirat(base_fd, "work/work", 0700);
	(void)mkdirat(base_fd, "work/index", 0700);
	while (size > 3) {
		size_t n = step(data, size);

		data += n;
		size -= n;
	}

	status = run_fsck(repair);
	fuzz_assert(status == FSCK_CLEAN || status == FSCK_MENDED || status == FSCK_LEFT ||
		    status == (FSCK_MENDED | FSCK_LEFT));
	fuzz_assert(run_fsck(NULL) == (status & FSCK_LEFT));
	fuzz_assert(entries("outside") == 2 + 1 && entries("low1") == 2 + 1 &&
		    entries("low1/d") == 2 + 2 && entries("low2") == 2 + 3);
	fuzz_assert(tree_remove(base_fd, "upper") == 0 && tree_remove(base_fd, "work") == 0);
	return 0;
}
