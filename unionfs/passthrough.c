/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "unionfs/passthrough.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/errors.h"
#include "common/fuse_kernel.h"
#include "common/log.h"
#include "common/session.h"
#include "unionfs/union.h"

/* The inode number of the first user namespace, the same on every machine. */
#define FIRST_USER_NS UINT64_C(0xeffffffd)

struct left {
	struct left *next;
	uint64_t node_id;
	int32_t id;
	uint32_t opens;
};

struct capabilities {
	struct __user_cap_header_struct header;
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
};

void passthrough_init(struct passthrough *p)
{
	*p = (struct passthrough){ 0 };
	lock_init(&p->lock);
}

void passthrough_done(struct passthrough *p)
{
	struct left *l, *next;

	for (l = p->left; l; l = next) {
		next = l->next;
		free(l);
	}
	lock_done(&p->lock);
}

/* Of the calling thread. */
static int get_capabilities(struct capabilities *c)
{
	c->header = (struct __user_cap_header_struct){
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	return neg_errno(syscall(SYS_capget, &c->header, c->data));
}

static int set_capabilities(struct capabilities *c)
{
	return neg_errno(syscall(SYS_capset, &c->header, c->data));
}

static bool is_first_root(void)
{
	struct capabilities c;
	struct stat st;

	return stat("/proc/self/ns/user", &st) == 0 &&
	       st.st_ino == FIRST_USER_NS && get_capabilities(&c) == 0 &&
	       (c.data[CAP_TO_INDEX(CAP_SYS_ADMIN)].effective &
		CAP_TO_MASK(CAP_SYS_ADMIN));
}

const char *passthrough_needs(const struct unionfs *u)
{
	/* A mode kept in an attribute is not the one that the kernel looks at. */
	if (u->options->xattr_permissions != XATTR_PERMISSIONS_NONE)
		return "not with xattr_permissions";
	if (!is_first_root())
		return "the kernel allows it to CAP_SYS_ADMIN outside of user namespaces only";
	return NULL;
}

static void warn_once(struct unionfs *u, int error)
{
	struct passthrough *p = &u->passthrough;
	const char *why = error == ELOOP ? "its filesystem is stacked on another"
					 : strerror(error);

	lock_scope(&p->lock);
	if (!p->has_warned)
		log_warn("the kernel cannot pass a layer's file through: %s\nSuch files are read and written by the daemon.",
			 why);
	p->has_warned = true;
}

void passthrough_check_layers(struct unionfs *u)
{
	for (unsigned i = u->work ? LAYER_TOP : 1; i < u->layer_count; i++) {
		struct statfs fs;

		if (i > LAYER_TOP && !u->passes_lower)
			break;
		if (fstatfs(layer_root_fd(u->layers[i]), &fs) == 0 &&
		    fs.f_type == OVERLAYFS_SUPER_MAGIC)
			warn_once(u, ELOOP);
	}
}

static int32_t do_register(struct unionfs *u, int fd)
{
	struct fusek_backing_map map = { .fd = fd };

	return neg_errno(ioctl(session_device(u->session), FUSEK_IOC_BACKING_OPEN,
			       &map));
}

/* The kernel keeps the credentials that the thread has at this moment. */
static int32_t register_without_fsetid(struct unionfs *u, int fd)
{
	struct capabilities with, without;
	int32_t id;
	int r = get_capabilities(&with);

	if (r < 0)
		return r;
	without = with;
	without.data[CAP_TO_INDEX(CAP_FSETID)].effective &=
		~CAP_TO_MASK(CAP_FSETID);
	r = set_capabilities(&without);
	if (r < 0)
		return r;
	id = do_register(u, fd);
	r = set_capabilities(&with);
	if (r < 0)
		log_error("cannot take a capability back: %s", strerror(-r));
	return id;
}

int32_t passthrough_register(struct unionfs *u, int fd, bool as_root)
{
	int32_t id = as_root ? do_register(u, fd) : register_without_fsetid(u, fd);

	if (id < 0)
		warn_once(u, -id);
	return id;
}

void passthrough_unregister(struct unionfs *u, int32_t id)
{
	uint32_t value = id;

	/* Open files keep theirs; without the id no new ones can get it. */
	(void)ioctl(session_device(u->session), FUSEK_IOC_BACKING_CLOSE, &value);
}

int passthrough_leave(struct unionfs *u, uint64_t node_id, int32_t id,
		      uint32_t opens)
{
	struct left *l = malloc(sizeof(*l));

	if (!l)
		return -ENOMEM;
	lock_scope(&u->passthrough.lock);
	*l = (struct left){ u->passthrough.left, node_id, id, opens };
	u->passthrough.left = l;
	return 0;
}

bool passthrough_has_left(struct unionfs *u, uint64_t node_id)
{
	struct left *l;

	lock_scope(&u->passthrough.lock);
	for (l = u->passthrough.left; l && l->node_id != node_id; l = l->next)
		;
	return l;
}

void passthrough_close_left(struct unionfs *u, int32_t id)
{
	struct left **at, *l;

	lock_scope(&u->passthrough.lock);
	for (at = &u->passthrough.left; *at && (*at)->id != id; at = &(*at)->next)
		;
	l = *at;
	if (!l || --l->opens > 0)
		return;
	*at = l->next;
	free(l);
	passthrough_unregister(u, id);
}
