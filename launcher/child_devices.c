/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <termios.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/channel.h"
#include "launcher/mount.h"
#include "launcher/resolve.h"

static const struct plan_device default_devices[] = {
	{ "/dev/null", S_IFCHR, 1, 3, 0666, 0, 0 },
	{ "/dev/zero", S_IFCHR, 1, 5, 0666, 0, 0 },
	{ "/dev/full", S_IFCHR, 1, 7, 0666, 0, 0 },
	{ "/dev/random", S_IFCHR, 1, 8, 0666, 0, 0 },
	{ "/dev/urandom", S_IFCHR, 1, 9, 0666, 0, 0 },
	{ "/dev/tty", S_IFCHR, 5, 0, 0666, 0, 0 },
};

static const struct { const char *name, *to; } default_links[] = {
	{ "/dev/fd", "/proc/self/fd" },
	{ "/dev/stdin", "/proc/self/fd/0" },
	{ "/dev/stdout", "/proc/self/fd/1" },
	{ "/dev/stderr", "/proc/self/fd/2" },
	{ "/dev/ptmx", "pts/ptmx" },
};

/* In a user namespace nodes cannot be made: show the host's instead. */
static int bind_device(int parent, const char *name, const struct plan_device *d)
{
	cleanup_fd int source = neg_errno(open(d->path, O_PATH | O_CLOEXEC));
	cleanup_fd int target = -1, copy = -1;
	struct stat st;

	if (source < 0)
		return source;
	if (fstat(source, &st) < 0 || st.st_rdev != makedev(d->major, d->minor) ||
	    (st.st_mode & S_IFMT) != d->type)
		return -ENODEV;

	target = neg_errno(openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
	if (target < 0 && target != -EEXIST)
		return target;
	if (target >= 0)
		close(target);
	target = neg_errno(openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
	if (target < 0)
		return target;
	copy = mount_bind(source, target, false);
	return copy < 0 ? copy : 0;
}

static bool is_same_device(int parent, const char *name, const struct plan_device *d)
{
	struct stat st;

	return fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       (st.st_mode & S_IFMT) == d->type &&
	       (d->type == S_IFIFO || st.st_rdev == makedev(d->major, d->minor));
}

static int make_device(struct child *c, const struct plan_device *d)
{
	cleanup_free char *name = NULL;
	cleanup_fd int parent = resolve_make_parent(c->root_fd, d->path, &name);
	dev_t dev = d->type == S_IFIFO ? 0 : makedev(d->major, d->minor);
	int r;

	if (parent < 0)
		return parent;
	r = neg_errno(mknodat(parent, name, d->type | d->mode, dev));
	if (r == -EPERM)
		return bind_device(parent, name, d);
	if (r == -EEXIST)
		return is_same_device(parent, name, d) ? 0 : r;
	if (r < 0)
		return r;
	/* The umask is 0 here, so only the owner may still differ. */
	if ((d->uid || d->gid) &&
	    fchownat(parent, name, d->uid, d->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}

static int make_link(struct child *c, const char *path, const char *to)
{
	cleanup_free char *name = NULL;
	cleanup_fd int parent = resolve_make_parent(c->root_fd, path, &name);
	int r;

	if (parent < 0)
		return parent;
	r = neg_errno(symlinkat(to, parent, name));
	/* An image may bring its own; without a fresh /dev it may be anything. */
	return r == -EEXIST ? 0 : r;
}

int child_make_devices(struct child *c, struct fault *f)
{
	const struct plan *p = c->plan;
	size_t i;
	int r;

	for (i = 0; p->default_devices && i < sizeof(default_devices) / sizeof(default_devices[0]);
	     i++) {
		r = make_device(c, &default_devices[i]);
		if (r < 0)
			return fault_set(f, r, "cannot make the device '%s' in the root",
					 default_devices[i].path);
	}
	for (i = 0; p->default_devices && i < sizeof(default_links) / sizeof(default_links[0]); i++) {
		r = make_link(c, default_links[i].name, default_links[i].to);
		if (r < 0)
			return fault_set(f, r, "cannot make the link '%s' in the root",
					 default_links[i].name);
	}
	for (i = 0; i < p->device_count; i++) {
		/* Its own devpts has one: the host's would lead to the host's terminals. */
		if (p->default_devices && strcmp(p->devices[i].path, "/dev/ptmx") == 0)
			continue;
		r = make_device(c, &p->devices[i]);
		if (r < 0)
			return fault_set(f, r, "cannot make the device '%s' in the root",
					 p->devices[i].path);
	}
	return 0;
}

/* /dev/console is the terminal itself, bound by descriptor: its name may be anything. */
static int bind_console(struct child *c, int slave)
{
	cleanup_fd int target = resolve_make_target(c->root_fd, "/dev/console", false, true);
	cleanup_fd int copy = -1;

	if (target < 0)
		return target;
	copy = mount_bind(slave, target, false);
	return copy < 0 ? copy : 0;
}

int child_make_terminal(struct child *c, struct fault *f)
{
	const struct plan_process *p = &c->plan->process;
	struct channel_message m = { .kind = CHANNEL_CONSOLE };
	cleanup_fd int master = -1, slave = -1;
	struct statfs fs;
	int unlock = 0;
	int r;

	if (!p->terminal)
		return 0;

	master = resolve_open_flags(c->root_fd, "/dev/pts/ptmx", O_RDWR | O_NOCTTY);
	if (master < 0)
		return fault_set(f, master, "cannot open a terminal in the container's /dev/pts");
	/* An image may have put anything there. */
	if (fstatfs(master, &fs) < 0 || fs.f_type != DEVPTS_SUPER_MAGIC)
		return fault_set(f, -ENODEV, "the container's /dev/pts is no devpts");
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return fault_set(f, -errno, "cannot unlock the terminal");
	slave = neg_errno(ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
	if (slave < 0)
		return fault_set(f, slave, "cannot open the terminal");
	if (p->console_rows || p->console_columns) {
		struct winsize size = { .ws_row = p->console_rows, .ws_col = p->console_columns };

		(void)ioctl(slave, TIOCSWINSZ, &size);	/* only how it looks */
	}
	if (fchown(slave, p->uid, (gid_t)-1) < 0 && errno != EINVAL && errno != EPERM)
		return fault_set(f, -errno, "cannot give the terminal to user %u", p->uid);

	r = channel_send(c->channel, &m, master);
	if (r < 0)
		return fault_set(f, r, "cannot hand out the terminal");

	c->console_fd = take_fd(&slave);
	return 0;
}

int child_make_console(struct child *c, struct fault *f)
{
	int r = child_make_terminal(c, f);

	if (r < 0 || c->console_fd < 0)
		return r;
	r = bind_console(c, c->console_fd);
	return r < 0 ? fault_set(f, r, "cannot bind the terminal at '/dev/console'") : 0;
}
