/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "unionfs/copy_xattrs.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "unionfs/override.h"

/* The kernel's XATTR_LIST_MAX and XATTR_SIZE_MAX. */
#define LIST_MAX_BYTES	65536
#define VALUE_MAX_BYTES 65536

static bool begins_with(const char *attr, const char *prefix)
{
	return strncmp(attr, prefix, strlen(prefix)) == 0;
}

static bool is_up_to_the_machine(const char *attr)
{
	return strcmp(attr, "security.selinux") == 0 ||
	       strcmp(attr, "security.evm") == 0;
}

static bool must_be_kept(const char *attr)
{
	return begins_with(attr, "security.") ||
	       begins_with(attr, "system.posix_acl_");
}

static int judge(int r, const char *attr)
{
	if (r >= 0 || is_up_to_the_machine(attr))
		return 0;
	return r == -EOPNOTSUPP && !must_be_kept(attr) ? 0 : r;
}

struct object {
	enum overlay_ns ns;
	const struct layer *layer;
	int dir_fd;
	const char *name;
};

/* By way of the name that clients know: the two layers may keep it differently. */
static int copy_one(const struct object *from, const struct object *to,
		    const char *attr, char *value)
{
	char unescaped[OVERLAY_ATTR_SIZE], disk[OVERLAY_ATTR_SIZE];
	const char *client;
	ssize_t n;
	int r;

	client = layer_xattr_to_client(from->layer, from->ns, attr, unescaped);
	if (!client)
		return 0;
	r = layer_xattr_to_disk(to->layer, to->ns, client, disk);
	if (r < 0)
		return r;

	n = xattr_get_at(from->dir_fd, from->name, attr, value, VALUE_MAX_BYTES);
	/* Listed, but not for us to read or gone since: nothing to copy. */
	if (n == -ENODATA)
		return 0;
	if (n < 0)
		return judge(n, client);
	return judge(xattr_set_at(to->dir_fd, to->name, disk, value, n, 0), client);
}

int copy_xattrs(enum overlay_ns ns, const struct layer *from_layer, int from_dir_fd,
		const char *from_name, const struct layer *to_layer, int to_dir_fd,
		const char *to_name)
{
	const struct object from = { ns, from_layer, from_dir_fd, from_name };
	const struct object to = { ns, to_layer, to_dir_fd, to_name };
	char small_list[1024];
	cleanup_free char *big_list = NULL;
	cleanup_free char *value = NULL;
	const char *list = small_list;
	ssize_t length;
	int r;

	length = xattr_list_at(from_dir_fd, from_name, small_list, sizeof(small_list));
	if (length == -ERANGE) {
		list = big_list = malloc(LIST_MAX_BYTES);
		if (!big_list)
			return -ENOMEM;
		length = xattr_list_at(from_dir_fd, from_name, big_list, LIST_MAX_BYTES);
	}
	if (length <= 0)
		return length == -EOPNOTSUPP ? 0 : length;

	value = malloc(VALUE_MAX_BYTES);
	if (!value)
		return -ENOMEM;
	for (const char *attr = list; attr < list + length; attr += strlen(attr) + 1) {
		r = copy_one(&from, &to, attr, value);
		if (r < 0)
			return r;
	}
	return 0;
}
