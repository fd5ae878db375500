/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/disk.h - filesystems to try things on, in a mount namespace of our own
 *
 * disk_begin() goes first in UNIT_MAIN. Without root there is nothing to try, and
 * the program says so and ends with the status that means "skipped".
 */
#pragma once

#include <check.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unionfs/layer.h"
#include "unionfs/workdir.h"

#define DISK_FS_MAX 4

static char disk_root[] = "/tmp/nacre-unit-XXXXXX";
static pid_t disk_owner;
static const char *disk_fs[DISK_FS_MAX];	/* those that could be mounted */
static int disk_fs_count;

/* Runs a shell command; the return value is its status. */
__attribute__((format(printf, 1, 2), unused))
static int disk_try(const char *format, ...)
{
	char command[4096] = "umask 022; ";
	size_t start = strlen(command);
	va_list args;
	int status;

	va_start(args, format);
	vsnprintf(command + start, sizeof(command) - start, format, args);
	va_end(args);
	status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

#define disk_run(...)                                                          \
	ck_assert_msg(disk_try(__VA_ARGS__) == 0, "a command failed: see above")

static void disk_end(void)
{
	if (getpid() != disk_owner)
		return;
	for (int i = 0; i < disk_fs_count; i++)
		(void)disk_try("umount -l %s/%s 2>/dev/null", disk_root, disk_fs[i]);
	(void)umount2(disk_root, MNT_DETACH);
	(void)rmdir(disk_root);
}

static void disk_mount(const char *fs)
{
	bool works;

	if (strcmp(fs, "tmpfs") == 0)
		works = disk_try("cd %s && mkdir tmpfs && mount -t tmpfs tmpfs tmpfs",
				 disk_root) == 0;
	else
		works = disk_try("cd %s && mkdir %s && truncate -s 400M %s.img && mkfs.%s -q %s.img >/dev/null 2>&1"
				 " && mount -o loop %s.img %s 2>/dev/null",
				 disk_root, fs, fs, fs, fs, fs, fs) == 0;
	if (works)
		disk_fs[disk_fs_count++] = fs;
	else
		fprintf(stderr, "cannot mount %s here: its cases are left out\n", fs);
}

/* @fs: names separated by spaces. */
__attribute__((unused)) static void disk_begin(const char *fs)
{
	static const char *const known[] = { "tmpfs", "ext4", "xfs", "btrfs" };

	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    !mkdtemp(disk_root) ||
	    mount("tmpfs", disk_root, "tmpfs", 0, NULL) < 0) {
		fprintf(stderr, "skipped: needs root and mounts of its own\n");
		exit(77);
	}
	disk_owner = getpid();
	atexit(disk_end);
	umask(022);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strstr(fs, known[i]))
			disk_mount(known[i]);
}

/* One more filesystem, a tmpfs with limits; gone with the namespace. */
__attribute__((unused)) static void disk_small(const char *name, const char *options)
{
	disk_run("mkdir -p %s/%s && mount -t tmpfs -o %s tmpfs %s/%s", disk_root, name,
		 options, disk_root, name);
}

/* Directories lower, upper and work on one filesystem, opened as layers. */
struct disk {
	char path[64];
	int fd;			/* of the directory that holds the three */
	struct layer *lower, *upper;
	struct workdir *work;
};

__attribute__((unused))
static struct disk disk_open(const char *fs, struct workdir_options options)
{
	static int count;
	char path[128];
	struct disk d;

	snprintf(d.path, sizeof(d.path), "%s/%s/%d.%d", disk_root, fs, getpid(), count++);
	disk_run("mkdir -p %s/lower %s/upper %s/work", d.path, d.path, d.path);
	d.fd = open(d.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(d.fd, 0);
	snprintf(path, sizeof(path), "%s/lower", d.path);
	ck_assert_int_eq(layer_open(path, LAYER_LOWER, &d.lower), 0);
	snprintf(path, sizeof(path), "%s/upper", d.path);
	ck_assert_int_eq(layer_open(path, LAYER_UPPER, &d.upper), 0);
	snprintf(path, sizeof(path), "%s/work", d.path);
	ck_assert_int_eq(workdir_open(path, d.upper, NULL, &options, &d.work), 0);
	return d;
}

/* What the work directory still holds beside the shared whiteout. */
__attribute__((unused)) static int disk_leftovers(const struct disk *d)
{
	char command[256];
	FILE *out;
	int n = -1;

	snprintf(command, sizeof(command),
		 "find %s/work/work -mindepth 1 ! -type c | wc -l", d->path);
	out = popen(command, "r");
	ck_assert_ptr_nonnull(out);
	ck_assert_int_eq(fscanf(out, "%d", &n), 1);
	pclose(out);
	return n;
}

__attribute__((unused)) static void disk_close(struct disk *d)
{
	workdir_close(d->work);
	layer_close(d->upper);
	layer_close(d->lower);
	close(d->fd);
	disk_run("rm -rf %s", d->path);
}
