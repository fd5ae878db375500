/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/check.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/fuse_kernel.h"
#include "launcher/daemon.h"
#include "launcher/mount.h"
#include "launcher/paths.h"
#include "launcher/plan.h"
#include "launcher/spawn.h"

void check_programs(struct check_answer *a)
{
	static const char *const names[] = {
		"nacre-unionfs", "nacre-procfs", "nacre-image", "nacre-monitor", "nacre-init",
	};
	char missing[128] = "";

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		cleanup_free char *path = daemon_find(names[i]);
		size_t length = strlen(missing);

		if (!path)
			snprintf(missing + length, sizeof(missing) - length, " %s", names[i]);
	}
	if (missing[0])
		check_say(a, CHECK_PARTLY, "Install them beside nacre, or set NACRE_BINDIR.",
			  "not found:%s", missing);
	else
		check_say(a, CHECK_YES, NULL, "all of nacre's are found");
}

static bool kernel_has_fs(const char *name)
{
	cleanup_buf struct buf text = BUF_INIT;
	char line[32];

	snprintf(line, sizeof(line), "\t%s\n", name);
	return buf_read_file(&text, AT_FDCWD, "/proc/filesystems") >= 0 &&
	       strstr(buf_text(&text), line);
}

void check_fuse(struct check_answer *a)
{
	cleanup_fd int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		check_say(a, CHECK_YES, NULL, "/dev/fuse can be opened");
	else if (errno == ENOENT || errno == ENODEV)
		check_say(a, CHECK_NO, "Load the module: modprobe fuse; or use --rootfs-driver "
			  "overlay --no-views.", "there is no /dev/fuse");
	else
		check_say(a, CHECK_NO, "Let you open it: chmod 666 /dev/fuse; or use --rootfs-driver "
			  "overlay --no-views.", "/dev/fuse: %s", strerror(errno));
}

/*
 * What the kernel offers stands in the first request of a mount. Ours goes with
 * the mount namespace of this process, unanswered.
 */
static int ask_features(void)
{
	struct {
		struct fusek_in_header header;
		uint32_t major, minor, readahead, flags, flags2;
		char rest[8192];
	} request = { { 0 }, 0 };
	char options[64];
	uint64_t flags;
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || unshare(CLONE_NEWNS) < 0)
		return -errno;
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("check", "/proc", "fuse", MS_NOSUID | MS_NODEV, options) < 0)
		return -errno;
	if (read(fd, &request, sizeof(request)) < (ssize_t)offsetof(typeof(request), rest) - 4)
		return -EIO;
	flags = request.flags | (uint64_t)request.flags2 << 32;
	return (flags & FUSEK_PASSTHROUGH ? 1 : 0) | (flags & FUSEK_HAS_RESEND ? 2 : 0) |
	       (flags & FUSEK_ALLOW_IDMAP ? 4 : 0);
}

void check_fuse_features(struct check_answer *a)
{
	int r = check_in_child(ask_features);

	if (r < 0)
		check_say(a, CHECK_PARTLY, "Ask as root.", "cannot be asked (%s)", strerror(-r));
	else
		check_say(a, r == 7 ? CHECK_YES : CHECK_PARTLY,
			  r == 7 ? NULL : "Passthrough is in Linux 6.9, requests sent again too, "
					  "mapped ids (for --userns) in 6.12.",
			  "passthrough: %s, requests sent again: %s, mapped ids: %s",
			  r & 1 ? "yes" : "no", r & 2 ? "yes" : "no", r & 4 ? "yes" : "no");
}

void check_fuse_uring(struct check_answer *a)
{
	cleanup_buf struct buf fuse = BUF_INIT, disabled = BUF_INIT;

	if (buf_read_file(&fuse, AT_FDCWD, "/sys/module/fuse/parameters/enable_uring") < 0)
		check_say(a, CHECK_NO, "It is in Linux 6.14; nothing needs it.",
			  "this kernel's fuse has none");
	else if (buf_text(&fuse)[0] != 'Y')
		check_say(a, CHECK_NO, "echo Y >/sys/module/fuse/parameters/enable_uring",
			  "the kernel has it, switched off");
	else if (buf_read_file(&disabled, AT_FDCWD, "/proc/sys/kernel/io_uring_disabled") >= 0 &&
		 buf_text(&disabled)[0] != '0')
		check_say(a, CHECK_PARTLY, "sysctl kernel.io_uring_disabled=0",
			  "kernel.io_uring_disabled is %c", buf_text(&disabled)[0]);
	else
		check_say(a, CHECK_YES, NULL, "the kernel's side is switched on");
}

void check_overlay(struct check_answer *a)
{
	if (kernel_has_fs("overlay"))
		check_say(a, CHECK_YES, NULL, "--rootfs-driver overlay works as root");
	else
		check_say(a, CHECK_NO, "modprobe overlay, if you want --rootfs-driver overlay.",
			  "this kernel has none loaded");
}

/* The data directory, or what is there of the way to it: asking makes nothing. */
static char *data_place(void)
{
	char *path = paths_data();

	while (path && strlen(path) > 1 && access(path, F_OK) < 0) {
		char *slash = strrchr(path, '/');

		slash[slash == path] = '\0';
	}
	return path;
}

static int try_idmap(void)
{
	static struct idmap_range range = { 0, 100000, 65536 };
	const struct idmap map = { &range, 1 };
	cleanup_free char *data = data_place();
	struct fault f = FAULT_INIT;
	int dir, tree, userns;

	if (!data)
		return -ENOMEM;
	dir = open(data, O_PATH | O_DIRECTORY | O_CLOEXEC);
	tree = mount_clone(dir, false);
	if (tree < 0)
		return tree;
	userns = spawn_userns(&map, &map, &f);
	return userns < 0 ? userns : mount_set_idmap(tree, userns, false);
}

void check_idmapped(struct check_answer *a)
{
	int r = check_in_child(try_idmap);

	if (r < 0)
		check_say(a, CHECK_NO, "It takes root, Linux 5.12 and a file system that can; only "
			  "id-mapped binds need it.",
			  "not on the file system of the data directory (%s)", strerror(-r));
	else
		check_say(a, CHECK_YES, NULL, "on the file system of the data directory");
}

void check_data(struct check_answer *a)
{
	cleanup_free char *path = data_place(), *whole = paths_data();
	cleanup_fd int file = -1;
	const char *name = geteuid() == 0 ? "trusted.overlay.check" : "user.overlay.check";

	if (!path || !whole || access(path, W_OK) < 0) {
		check_say(a, CHECK_NO, "Name another directory in NACRE_DATA_DIR.",
			  "'%s' cannot be written", path ? path : "?");
		return;
	}
	file = open(path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (file < 0 || fsetxattr(file, name, "y", 1, 0) < 0)
		check_say(a, CHECK_PARTLY, "Images need extended attributes: put NACRE_DATA_DIR on "
			  "ext4, xfs or btrfs.", "'%s' keeps no %s (%s)", whole, name, strerror(errno));
	else
		check_say(a, CHECK_YES, NULL, "'%s' keeps what layers need", whole);
}
