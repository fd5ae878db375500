/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <fcntl.h>
#include <mntent.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "common/log.h"
#include "common/session.h"
#include "common/upgrade.h"

union fd_control {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int))];
};

socklen_t upgrade_address(const char *subtype, dev_t device, unsigned nth,
			  struct sockaddr_un *ret_address)
{
	int n;

	memset(ret_address, 0, sizeof(*ret_address));
	ret_address->sun_family = AF_UNIX;
	n = snprintf(ret_address->sun_path + 1, sizeof(ret_address->sun_path) - 1,
		     "nacre/mount/%s/%u:%u/%u", subtype, major(device),
		     minor(device), nth);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}

int upgrade_receive_fd(int socket_fd)
{
	char byte;
	struct iovec iov = { &byte, 1 };
	union fd_control control;
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	struct timeval patience = { .tv_sec = 1 };
	struct cmsghdr *c;
	int fd;

	(void)setsockopt(socket_fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
			 sizeof(patience));
	if (recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC) < 0)
		return -errno;
	c = CMSG_FIRSTHDR(&message);
	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return -EPROTO;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static int send_stderr(int socket_fd)
{
	struct iovec iov = { (char *)"U", 1 };
	union fd_control control = { .header = {
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
		.cmsg_len = CMSG_LEN(sizeof(int)),
	} };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	int fd = STDERR_FILENO;

	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	return sendmsg(socket_fd, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* An abstract name is anyone's to take. */
static bool is_trusted(int socket_fd)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	return getsockopt(socket_fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
	       (geteuid() == 0 || peer.uid == 0 || peer.uid == geteuid());
}

/* Return: a descriptor; -ECONNREFUSED if nobody has any of the names; -errno. */
static int connect_to(const char *subtype, dev_t device)
{
	cleanup_fd int fd = neg_errno(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
	struct sockaddr_un address;

	if (fd < 0)
		return fd;
	for (unsigned nth = 0; nth < UPGRADE_NAMES; nth++) {
		socklen_t length = upgrade_address(subtype, device, nth, &address);

		if (connect(fd, (struct sockaddr *)&address, length) == 0)
			return take_fd(&fd);
		if (errno != ECONNREFUSED)
			return -errno;
	}
	return -ECONNREFUSED;
}

/* Return: 0 with an answer; -errno. */
static int ask(const char *subtype, dev_t device, char *answer, size_t size)
{
	cleanup_fd int fd = connect_to(subtype, device);
	ssize_t n;
	int r;

	if (fd < 0)
		return fd;
	if (!is_trusted(fd))
		return -EPERM;
	r = send_stderr(fd);
	if (r < 0)
		return r;
	n = recv(fd, answer, size - 1, 0);
	if (n < 0)
		return -errno;
	answer[n] = '\0';
	return n ? 0 : -EPERM;	/* closed without a word: not for us */
}

static int upgrade_one(const char *mountpoint, const char *subtype)
{
	struct statx stx;
	char answer[128];
	int r;

	if (statx(AT_FDCWD, mountpoint, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, 0,
		  &stx) < 0) {
		log_error("cannot upgrade '%s': %s\nName a mountpoint; findmnt shows them.",
			  mountpoint, strerror(errno));
		return 1;
	}
	r = ask(subtype, makedev(stx.stx_dev_major, stx.stx_dev_minor), answer,
		sizeof(answer));
	if (r == -ECONNREFUSED) {
		log_error("'%s' is not a mount that can be upgraded\nName the mountpoint of one that runs here; findmnt shows them.",
			  mountpoint);
		return 1;
	}
	if (r < 0) {
		log_error("cannot upgrade '%s': %s\nOnly root and who mounted it may.",
			  mountpoint, strerror(-r));
		return 1;
	}
	if (strcmp(answer, UPGRADE_OK) != 0) {
		log_error("'%s' is not upgraded: %s\nIt goes on as before; the system log may say more.",
			  mountpoint, answer);
		return 1;
	}
	log_info("'%s' is upgraded", mountpoint);
	return 0;
}

int session_upgrade(const char *mountpoint, const char *subtype)
{
	cleanup_file FILE *mounts = NULL;
	struct mntent *m;
	char type[64];
	int status = 0;

	if (mountpoint)
		return upgrade_one(mountpoint, subtype);

	snprintf(type, sizeof(type), "fuse.%s", subtype);
	mounts = setmntent("/proc/self/mounts", "re");
	if (!mounts) {
		log_error("cannot read '/proc/self/mounts': %s\nName one mountpoint instead.",
			  strerror(errno));
		return 1;
	}
	while ((m = getmntent(mounts)))
		if (strcmp(m->mnt_type, type) == 0)
			status |= upgrade_one(m->mnt_dir, subtype);
	return status;
}
