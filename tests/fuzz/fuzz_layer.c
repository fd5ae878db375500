/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A layer's archive, unpacked: whatever it says, nothing outside of the layer's
 * directory changes, and the directory can be removed.
 */
#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "launcher/image_archive.h"
#include "launcher/image_overlay.h"
#include "launcher/image_unpack.h"
#include "launcher/tree.h"
#include "tests/fuzz/fuzz.h"

static char base[] = "/tmp/nacre-fuzz-layer-XXXXXX";
static int base_fd, below_fd;

static void clean_up(void)
{
	(void)tree_remove(AT_FDCWD, base);
}

static void make_file(const char *name)
{
	int fd = openat(base_fd, name, O_WRONLY | O_CREAT | O_EXCL, 0644);

	fuzz_assert(fd >= 0 && write(fd, "canary", 6) == 6);
	close(fd);
}

/* A layer below, with links that lead out. */
static void set_up(void)
{
	fuzz_assert(mkdtemp(base));
	atexit(clean_up);
	base_fd = open(base, O_RDONLY | O_DIRECTORY);
	fuzz_assert(base_fd >= 0 && mkdirat(base_fd, "outside", 0755) == 0);
	fuzz_assert(mkdirat(base_fd, "below", 0755) == 0);
	fuzz_assert(mkdirat(base_fd, "below/d", 0755) == 0);
	make_file("outside/x");
	make_file("below/x");
	fuzz_assert(symlinkat("../outside", base_fd, "below/o") == 0);
	fuzz_assert(symlinkat(base, base_fd, "below/a") == 0);
	below_fd = openat(base_fd, "below", O_RDONLY | O_DIRECTORY);
	fuzz_assert(below_fd >= 0);
}

static unsigned entries(const char *name)
{
	int fd = openat(base_fd, name, O_RDONLY | O_DIRECTORY);
	DIR *dir = fdopendir(fd);
	unsigned n = 0;

	fuzz_assert(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void check_outside(void)
{
	struct stat st;

	fuzz_assert(entries(".") == 2 + 3 && entries("outside") == 2 + 1);
	fuzz_assert(entries("below") == 2 + 4 && entries("below/d") == 2);
	fuzz_assert(fstatat(base_fd, "outside/x", &st, 0) == 0);
	fuzz_assert(st.st_size == 6 && st.st_nlink == 1 && (st.st_mode & 07777) == 0644);
}

static void unpack(const uint8_t *data, size_t size, int root_fd)
{
	struct image_stack below = { &below_fd, 1, overlay_prefix(root_fd) };
	struct unpack_losses losses = { 0 };
	struct unpack_job job = { root_fd, &below, "it", &losses };
	struct archive *a = archive_new_tar();
	struct fault f = FAULT_INIT;
	int64_t bytes;
	bool bad;

	fuzz_assert(a && below.prefix);
	if (archive_read_open_memory(a, data, size) == ARCHIVE_OK &&
	    image_unpack(a, &job, &bytes, &bad, &f) < 0)
		fuzz_assert(f.text[0]);
	archive_read_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int root_fd;

	if (base[sizeof(base) - 2] == 'X')
		set_up();
	fuzz_assert(mkdirat(base_fd, "layer", 0700) == 0);
	root_fd = openat(base_fd, "layer", O_RDONLY | O_DIRECTORY);
	fuzz_assert(root_fd >= 0);
	unpack(data, size, root_fd);
	close(root_fd);
	check_outside();
	fuzz_assert(tree_remove(base_fd, "layer") == 0);
	return 0;
}
