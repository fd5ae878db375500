/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/hook.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/errors.h"
#include "common/log.h"
#include "common/procfs_client.h"

#define DEPTH_MAX 4	/* of directories below /proc */

static void cleanup_json_(struct json_object **object)
{
	json_object_put(*object);
}

#define cleanup_json __attribute__((cleanup(cleanup_json_)))

/* What of /sys is placed, directories whole; all of /proc is placed file by file. */
static const char *const whole[] = {
	"sys/devices/system/cpu",
	"sys/devices/system/node",
	"sys/kernel/mm/hugepages",
	"sys/devices/virtual/dmi/id/product_uuid",
};

static const char *string_of(struct json_object *object, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(object, key, &value)
		       ? json_object_get_string(value) : NULL;
}

static int read_json(int fd, struct json_object **ret)
{
	cleanup_buf struct buf text = BUF_INIT;
	int r = buf_read_fd(&text, fd);

	if (r < 0)
		return r;
	*ret = json_tokener_parse(buf_text(&text));
	return *ret ? 0 : -EPROTO;
}

/* The container's root, from the bundle's config.json. */
static int open_root(const char *bundle)
{
	cleanup_json struct json_object *config = NULL;
	cleanup_fd int bundle_fd = neg_errno(open(bundle, O_PATH | O_DIRECTORY | O_CLOEXEC));
	cleanup_fd int config_fd = -1;
	struct json_object *root;
	const char *path;
	int r;

	if (bundle_fd < 0)
		return bundle_fd;
	config_fd = neg_errno(openat(bundle_fd, "config.json", O_RDONLY | O_CLOEXEC));
	if (config_fd < 0)
		return config_fd;
	r = read_json(config_fd, &config);
	if (r < 0)
		return r;
	if (!json_object_object_get_ex(config, "root", &root))
		return -EPROTO;
	path = string_of(root, "path");
	if (!path)
		return -EPROTO;
	return neg_errno(openat(bundle_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC));
}

/* What the container's own tree makes of @path, symlinks and all, stays in it. */
static int open_in_root(int root_fd, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	return neg_errno((int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how)));
}

/* 0 also where the container has no such path. */
static int place(int view_fd, int root_fd, const char *path)
{
	cleanup_fd int tree = -1;
	cleanup_fd int target = open_in_root(root_fd, path);

	if (target == -ENOENT || target == -ENOTDIR)
		return 0;
	if (target < 0)
		return target;
	tree = neg_errno((int)syscall(SYS_open_tree, view_fd, path,
				      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
	if (tree < 0)
		return tree == -ENOENT ? 0 : tree;
	return neg_errno((int)syscall(SYS_move_mount, tree, "", target, "",
				      MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
}

static int place_files(int view_fd, int root_fd, const char *path, unsigned depth)
{
	cleanup_dir DIR *dir = NULL;
	const struct dirent *entry;
	int fd = neg_errno(openat(view_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	int r = 0;

	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while (r >= 0 && (entry = readdir(dir))) {
		char child[PATH_MAX];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(child, sizeof(child), "%s/%s", path, entry->d_name);
		if (entry->d_type == DT_REG)
			r = place(view_fd, root_fd, child);
		else if (entry->d_type == DT_DIR && depth < DEPTH_MAX)
			r = place_files(view_fd, root_fd, child, depth + 1);
	}
	return r;
}

static int place_all(const char *view, int root_fd)
{
	cleanup_fd int view_fd = neg_errno(open(view, O_PATH | O_DIRECTORY | O_CLOEXEC));
	int r = view_fd < 0 ? view_fd : place_files(view_fd, root_fd, "proc", 0);

	for (size_t i = 0; r >= 0 && i < sizeof(whole) / sizeof(whole[0]); i++)
		r = place(view_fd, root_fd, whole[i]);
	return r;
}

/* The daemon takes the cgroups and the init of whoever asks. */
static int register_self(const struct config *c, const char *id, struct buf *answer)
{
	cleanup_buf struct buf request = BUF_INIT;

	if (!id || strchr(id, '\n')) {
		buf_adds(answer, "the state on standard input names no container");
		return -EPROTO;
	}
	buf_addf(&request, "register\nid %s\nself yes\n", id);
	return procfs_call(config_socket(c), buf_text(&request), answer);
}

int hook_run(const struct config *c)
{
	cleanup_json struct json_object *state = NULL;
	cleanup_buf struct buf answer = BUF_INIT;
	cleanup_fd int root_fd = -1;
	int r = read_json(STDIN_FILENO, &state);

	if (r < 0) {
		log_error("there is no container's state on standard input\n"
			  "This is an OCI createContainer hook: let the runtime call it.");
		return 1;
	}
	root_fd = open_root(string_of(state, "bundle") ? string_of(state, "bundle") : ".");
	if (root_fd < 0) {
		log_error("cannot open the root of bundle '%s': %s",
			  string_of(state, "bundle"), strerror(-root_fd));
		return 1;
	}
	r = register_self(c, string_of(state, "id"), &answer);
	if (r < 0) {
		log_error("%s", answer.length ? buf_text(&answer) : strerror(-r));
		return 1;
	}
	r = place_all(buf_text(&answer), root_fd);
	if (r < 0) {
		log_error("cannot place the files of '%s' in the container: %s",
			  buf_text(&answer), strerror(-r));
		return 1;
	}
	return 0;
}
