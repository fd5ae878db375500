/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/procfs_client.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"

/* A daemon that answers nothing in this time is taken for hung. */
#define CALL_TIMEOUT_S 20

static int connect_to(const char *path)
{
	const struct timeval limit = { .tv_sec = CALL_TIMEOUT_S };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	cleanup_fd int fd = -1;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);

	fd = neg_errno(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	if (fd < 0)
		return fd;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0 ||
	    connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return take_fd(&fd);
}

int procfs_connect(const char *path)
{
	return connect_to(path ? path : PROCFS_SOCKET_DEFAULT);
}

static int send_all(int fd, const char *data, size_t length)
{
	while (length) {
		ssize_t n = send(fd, data, length, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		length -= n;
	}
	return 0;
}

/* Splits "ok\nTEXT" and "error ERRNO TEXT"; the text is left in @answer. */
static int take_status(struct buf *answer)
{
	const char *text = buf_text(answer);
	struct buf body = BUF_INIT;
	int r = -EPROTO;
	char *end;

	if (strncmp(text, "ok\n", 3) == 0) {
		buf_adds(&body, text + 3);
		r = 0;
	} else if (strncmp(text, "error ", 6) == 0) {
		long number = strtol(text + 6, &end, 10);

		if (number > 0 && number < 4096 && *end == ' ') {
			buf_adds(&body, end + 1);
			r = -(int)number;
		}
	}
	while (body.length && body.data[body.length - 1] == '\n')
		body.data[--body.length] = '\0';

	if (buf_error(&body))
		r = buf_error(&body);
	buf_done(answer);
	*answer = body;
	return r;
}

static int exchange(const char *path, const char *request, struct buf *answer)
{
	cleanup_fd int fd = connect_to(path);
	int r;

	if (fd < 0)
		return fd;

	r = send_all(fd, request, strlen(request));
	if (r >= 0)
		r = send_all(fd, "\n", 1);
	if (r >= 0)
		r = buf_read_fd(answer, fd);
	return r;
}

int procfs_call(const char *socket_path, const char *request, struct buf *answer)
{
	const char *path = socket_path ? socket_path : PROCFS_SOCKET_DEFAULT;
	int r;

	buf_reset(answer);
	r = exchange(path, request, answer);
	if (r >= 0)
		r = take_status(answer);
	else
		buf_reset(answer);
	if (r >= 0 || answer->length)
		return r;

	if (r == -ENOENT || r == -ECONNREFUSED)
		buf_addf(answer, "no nacre-procfs listens on '%s'\n"
			 "Start one: nacre-procfs", path);
	else if (r == -EPROTO)
		buf_addf(answer, "what listens on '%s' is not nacre-procfs", path);
	else if (r == -EAGAIN)
		buf_addf(answer, "nacre-procfs on '%s' did not answer in %d s",
			 path, CALL_TIMEOUT_S);
	else
		buf_addf(answer, "cannot talk to nacre-procfs on '%s': %s", path,
			 strerror(-r));
	return r;
}

/* A value goes to the end of its line, so it cannot have more than one. */
static int add_value(struct buf *request, const char *key, const char *value)
{
	if (!value)
		return 0;
	if (!*value || strchr(value, '\n'))
		return -EINVAL;

	buf_addf(request, "%s %s\n", key, value);
	return 0;
}

static int bad_value(struct buf *answer)
{
	buf_reset(answer);
	buf_adds(answer, "a container's id and its cgroups must not be empty or hold newlines");
	return -EINVAL;
}

int procfs_register(const char *socket_path, const struct procfs_container *c,
		    struct buf *answer)
{
	cleanup_buf struct buf request = BUF_INIT;
	int r;

	buf_adds(&request, "register\n");
	r = add_value(&request, "id", c->id);
	if (c->pid)
		buf_addf(&request, "pid %d\n", (int)c->pid);

	for (int i = 0; r >= 0 && i < CGROUP_CONTROLLER_COUNT; i++) {
		char key[32];

		/* cpu and cpuacct have one name in v2; the v1 names are unique. */
		snprintf(key, sizeof(key), "cgroup.%s",
			 cgroup_controller_name(i, CGROUP_V1));
		r = add_value(&request, key, c->cgroup[i]);
	}
	if (r >= 0)
		r = add_value(&request, "cgroup.v2", c->v2);
	if (r < 0)
		return bad_value(answer);
	if (buf_error(&request))
		return buf_error(&request);

	return procfs_call(socket_path, buf_text(&request), answer);
}

int procfs_unregister(const char *socket_path, const char *id, struct buf *answer)
{
	cleanup_buf struct buf request = BUF_INIT;

	buf_adds(&request, "unregister\n");
	if (add_value(&request, "id", id) < 0)
		return bad_value(answer);
	if (buf_error(&request))
		return buf_error(&request);

	return procfs_call(socket_path, buf_text(&request), answer);
}
