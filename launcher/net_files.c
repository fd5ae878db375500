/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/net_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/net.h"

/* What systemd's resolver asks itself; /etc/resolv.conf names the resolver then. */
#define RESOLVED_FILE "/run/systemd/resolve/resolv.conf"

static bool names_loopback(const char *line)
{
	char word[16], address[64];

	return sscanf(line, "%15s %63s", word, address) == 2 && strcmp(word, "nameserver") == 0 &&
	       (strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0);
}

static bool copy_resolvers(const char *path, bool own_network, struct buf *to)
{
	cleanup_buf struct buf text = BUF_INIT;
	bool left_out = false;
	char *line, *rest;

	if (buf_read_file(&text, AT_FDCWD, path) < 0 || !text.data)
		return false;
	for (line = strtok_r(text.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (own_network && names_loopback(line))
			left_out = true;
		else
			buf_addf(to, "%s\n", line);
	}
	return !left_out;
}

static void make_resolvers(bool own_network, struct buf *text)
{
	if (copy_resolvers("/etc/resolv.conf", own_network, text))
		return;
	if (access(RESOLVED_FILE, R_OK) == 0) {
		buf_done(text);
		*text = (struct buf)BUF_INIT;
		(void)copy_resolvers(RESOLVED_FILE, own_network, text);
	}
}

static void make_hosts(const struct plan *p, uint32_t address, struct buf *text)
{
	char own[16];

	buf_adds(text, "127.0.0.1 localhost\n::1 localhost\n");
	if (address && p->hostname) {
		net_format(address, own);
		buf_addf(text, "%s %s\n", own, p->hostname);
	}
}

static bool is_mounted_by_user(const struct plan *p, const char *target)
{
	for (size_t i = 0; i < p->mount_count; i++)
		if (strcmp(p->mounts[i].target, target) == 0 ||
		    strcmp(p->mounts[i].target, "/etc") == 0)
			return true;
	return false;
}

static int add(struct plan *p, const struct state_dir *dir, const char *name, const char *target,
	       const struct buf *text)
{
	cleanup_free char *path = NULL;
	struct plan_mount *m;
	cleanup_fd int fd = -1;

	if (is_mounted_by_user(p, target))
		return 0;
	fd = neg_errno(openat(dir->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
			      0644));
	if (fd < 0)
		return fd;
	if (fchmod(fd, 0644) < 0 || write(fd, buf_text(text), text->length) != (ssize_t)text->length)
		return -errno;
	if (asprintf(&path, "%s/%s", dir->path, name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	m = plan_add_mount(p, MOUNT_KIND_BIND, NULL, path, target, NULL);
	if (!m)
		return -ENOMEM;
	m->attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
	return 0;
}

int net_files_add(struct plan *p, const struct state_dir *dir, uint32_t address, struct fault *f)
{
	cleanup_buf struct buf hosts = BUF_INIT, resolvers = BUF_INIT;
	int r = 0;

	make_resolvers(address != 0, &resolvers);
	make_hosts(p, address, &hosts);
	if (resolvers.length)
		r = add(p, dir, "resolv.conf", "/etc/resolv.conf", &resolvers);
	/* On the host's network the host's names hold, and the image's. */
	if (r >= 0 && address)
		r = add(p, dir, "hosts", "/etc/hosts", &hosts);
	return r < 0 ? fault_set(f, r, "cannot make the container's resolv.conf and hosts") : 0;
}
