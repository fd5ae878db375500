/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/control.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "common/log.h"
#include "procfs/clock.h"
#include "procfs/load.h"
#include "procfs/service.h"

#define REQUEST_MAX 65536
#define ENDING_MOMENTS	500	/* of 10 ms: what a daemon takes to end */
#define CLIENT_TIMEOUT_S 5	/* one that says nothing must not keep the others waiting */

struct control {
	struct service *service;	/* lent */
	int stop_fd;			/* owned, an eventfd */
	pthread_t thread;
};

static int make_parent(const char *path)
{
	cleanup_free char *copy = strdup(path);
	char *dir;

	if (!copy)
		return -ENOMEM;
	dir = dirname(copy);
	for (char *p = dir + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(dir, 0755) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return mkdir(dir, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

/*
 * One that ends has removed its socket and is about to let the lock go; one that begins
 * has the lock and is about to make its socket.
 */
static int wait_for_lock(int fd, const char *path)
{
	const struct timespec moment = { .tv_nsec = 10 * 1000 * 1000 };

	for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK)
			return -errno;
		if (i == ENDING_MOMENTS || access(path, F_OK) == 0)
			return -EADDRINUSE;
		(void)nanosleep(&moment, NULL);
	}
	return 0;
}

/* The lock outlives kill -9 no longer than the last process that has it open. */
static int take_lock(const char *path)
{
	cleanup_free char *lock = NULL;
	cleanup_fd int fd = -1;
	int r;

	if (asprintf(&lock, "%s.lock", path) < 0)
		return -ENOMEM;
	fd = neg_errno(open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
	if (fd < 0)
		return fd;
	r = wait_for_lock(fd, path);
	return r < 0 ? r : take_fd(&fd);
}

int control_bind(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	cleanup_fd int fd = -1;
	mode_t mask;
	int r;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = neg_errno(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	if (fd < 0)
		return fd;

	(void)unlink(path);	/* the lock is ours: what is there is dead */
	mask = umask(0177);
	r = neg_errno(bind(fd, (struct sockaddr *)&address, sizeof(address)));
	umask(mask);
	if (r >= 0)
		r = neg_errno(listen(fd, 128));
	return r < 0 ? r : take_fd(&fd);
}

int control_listen(const char *path, struct control_socket *ret)
{
	cleanup_fd int lock = -1;
	int r = make_parent(path);

	if (r >= 0)
		r = lock = take_lock(path);
	if (r >= 0)
		r = control_bind(path);
	if (r == -EADDRINUSE)
		log_error("another nacre-procfs serves '%s'\n"
			  "One daemon is enough for all containers; for a second one give --socket and a mountpoint.",
			  path);
	else if (r < 0)
		log_error("cannot listen on '%s': %s\nGive another path: --socket PATH",
			  path, strerror(-r));
	if (r < 0)
		return r;

	ret->listen_fd = r;
	ret->lock_fd = take_fd(&lock);
	return 0;
}

void control_close(struct control_socket *s)
{
	cleanup_fd_(&s->listen_fd);
	cleanup_fd_(&s->lock_fd);
	s->listen_fd = s->lock_fd = -1;
}

bool control_is_allowed(int fd, struct ucred *peer)
{
	socklen_t size = sizeof(*peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, peer, &size) == 0 &&
	       (peer->uid == 0 || peer->uid == geteuid());
}

/* A client that says nothing must keep neither the others nor the end waiting. */
static int wait_for_data(const struct control *c, int fd)
{
	struct pollfd fds[2] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = c->stop_fd, .events = POLLIN },
	};
	int r = neg_errno(poll(fds, 2, CLIENT_TIMEOUT_S * 1000));

	if (r == 0)
		return -ETIMEDOUT;
	return r > 0 && fds[1].revents ? -ESHUTDOWN : r;
}

/* Up to the empty line, or to the end of what the client sends. */
static int read_request(const struct control *c, int fd, struct buf *request)
{
	while (request->length < REQUEST_MAX) {
		char data[4096];
		int r = wait_for_data(c, fd);
		ssize_t n;

		if (r == -EINTR)
			continue;
		if (r < 0)
			return r;
		n = read(fd, data, sizeof(data));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		buf_add(request, data, (size_t)n);
		if (n == 0 || strstr(buf_text(request), "\n\n"))
			return buf_error(request);
	}
	return -E2BIG;
}

static void send_answer(int fd, const struct buf *answer)
{
	const char *p = buf_text(answer);
	size_t left = answer->length;

	while (left) {
		ssize_t n = send(fd, p, left, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;		/* the client has gone: its loss */
		p += n;
		left -= (size_t)n;
	}
}

static void serve_client(struct control *c, int take_fd_)
{
	struct service *s = c->service;
	const struct timeval limit = { .tv_sec = CLIENT_TIMEOUT_S };
	cleanup_buf struct buf request = BUF_INIT;
	cleanup_buf struct buf answer = BUF_INIT;
	cleanup_fd int fd = take_fd_;
	struct ucred peer;

	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (!control_is_allowed(fd, &peer))
		buf_addf(&answer, "error %d only root may control nacre-procfs\n", EPERM);
	else if (read_request(c, fd, &request) < 0)
		buf_addf(&answer, "error %d the request is not complete\n", EPROTO);
	else
		control_answer(s, peer.pid, request.data, &answer);
	send_answer(fd, &answer);
}

/* Counts what is to be counted; returns the ms until it has to be done again. */
static int sample_in_time(const struct control *c, uint64_t *next_ns)
{
	struct service *s = c->service;
	uint64_t now = clock_now_ns();

	if (now >= *next_ns) {
		load_sample(s->containers, s->world.host);
		containers_sweep(s->containers);
		now = clock_now_ns();
		*next_ns = now + LOAD_PERIOD_S * NS_PER_S;
	}
	return (int)((*next_ns - now) / (NS_PER_S / 1000)) + 1;
}

static void *run(void *control)
{
	struct control *c = control;
	uint64_t next_ns = clock_now_ns() + LOAD_PERIOD_S * NS_PER_S;
	int listen_fd = c->service->config->control.listen_fd;
	struct pollfd fds[2] = {
		{ .fd = listen_fd, .events = POLLIN },
		{ .fd = c->stop_fd, .events = POLLIN },
	};

	(void)pthread_setname_np(pthread_self(), "control");
	for (;;) {
		int fd, r = neg_errno(poll(fds, 2, sample_in_time(c, &next_ns)));

		if (r == -EINTR || r == 0)
			continue;
		if (r < 0 || fds[1].revents)
			break;
		fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			serve_client(c, fd);
	}
	return NULL;
}

int control_start(struct service *service, struct control **ret)
{
	struct control *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->service = service;
	c->stop_fd = neg_errno(eventfd(0, EFD_CLOEXEC));
	r = c->stop_fd < 0 ? c->stop_fd : -pthread_create(&c->thread, NULL, run, c);
	if (r < 0) {
		cleanup_fd_(&c->stop_fd);
		free(c);
		return r;
	}
	*ret = c;
	return 0;
}

struct control *control_stop(struct control *c)
{
	if (!c)
		return NULL;
	(void)eventfd_write(c->stop_fd, 1);
	(void)pthread_join(c->thread, NULL);
	close(c->stop_fd);
	free(c);
	return NULL;
}
