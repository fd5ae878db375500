/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procfs/calls_client.c - what an engine sends: "containerProcessState" of the OCI
 *
 * It is looked at and left in the connection (MSG_PEEK gives descriptors, too): should
 * this worker be killed, the next one reads it again, though the engine is long gone.
 */
#include "config.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "procfs/calls_impl.h"

#define STATE_MAX (1 << 20)	/* annotations may be long */
#define FDS_MAX	  16
#define LOOKS_MAX 32		/* as much as fits into a connection, and some more */

struct calls_client {
	int fd;			/* owned */
	int fds[FDS_MAX];	/* owned: as they came */
	unsigned fd_count;
	size_t length;		/* of what was parsed */
	size_t left;		/* of that, what is still in the connection */
	unsigned looks;		/* that this took */
	struct json_tokener *tokener;	/* owned */
};

/*
 * A connection has room for some 200 KB, less if they come in small pieces. A message
 * that needs more has to be taken off, and would be lost with this worker.
 */
static void make_room(struct calls_client *c)
{
	char data[4096];

	while (c->left) {
		size_t size = c->left < sizeof(data) ? c->left : sizeof(data);
		ssize_t n = recv(c->fd, data, size, MSG_DONTWAIT);

		if (n <= 0)
			break;
		c->left -= (size_t)n;
	}
	c->looks = 0;
}

struct calls_client *calls_client_new(int take_fd)
{
	struct calls_client *c = calloc(1, sizeof(*c));

	int first = 0;

	/* Of the connection, not of the worker: the last one left it anywhere. */
	(void)setsockopt(take_fd, SOL_SOCKET, SO_PEEK_OFF, &first, sizeof(first));
	if (c) {
		c->fd = take_fd;
		c->tokener = json_tokener_new();
	} else {
		close(take_fd);
	}
	return c && c->tokener ? c : calls_client_free(c);
}

struct calls_client *calls_client_free(struct calls_client *c)
{
	if (!c)
		return NULL;
	for (unsigned i = 0; i < c->fd_count; i++)
		close(c->fds[i]);
	make_room(c);	/* else who waits for the end is told of an error */
	close(c->fd);
	if (c->tokener)
		json_tokener_free(c->tokener);
	free(c);
	return NULL;
}

int calls_client_fd(const struct calls_client *c)
{
	return c->fd;
}

void calls_message_done(struct calls_message *m)
{
	free(m->id);
	cleanup_fd_(&m->listener_fd);
	*m = (struct calls_message){ .listener_fd = -1 };
}

/* What does not fit is closed: nobody sends that many. */
static void take_fds(struct calls_client *c, struct msghdr *message)
{
	for (struct cmsghdr *m = CMSG_FIRSTHDR(message); m; m = CMSG_NXTHDR(message, m)) {
		size_t count = (m->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (m->cmsg_level != SOL_SOCKET || m->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(m) + i * sizeof(int), sizeof(fd));
			if (c->fd_count < FDS_MAX)
				c->fds[c->fd_count++] = fd;
			else
				close(fd);
		}
	}
}

/* Return: bytes; 0 at the end; -EAGAIN if nothing more is there. */
static ssize_t receive(struct calls_client *c, char *data, size_t size)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = { data, size };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	ssize_t n;

	do
		n = recvmsg(c->fd, &message,
			    MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	take_fds(c, &message);
	c->left += (size_t)n;
	if (++c->looks >= LOOKS_MAX)
		make_room(c);
	return n;
}

/* Which of the descriptors is the listener: "fds" has a name for each. */
static int listener_index(struct json_object *state)
{
	struct json_object *names;

	if (!json_object_object_get_ex(state, "fds", &names) ||
	    !json_object_is_type(names, json_type_array))
		return -1;
	for (size_t i = 0; i < json_object_array_length(names); i++) {
		const char *name =
			json_object_get_string(json_object_array_get_idx(names, i));

		if (name && strcmp(name, "seccompFd") == 0)
			return (int)i;
	}
	return -1;
}

static int take_message(struct calls_client *c, struct json_object *state,
			struct calls_message *ret)
{
	struct json_object *container, *id;
	int index = json_object_is_type(state, json_type_object) ? listener_index(state) : -1;
	char *copy;

	if (index < 0 || index >= (int)c->fd_count)
		return -EPROTO;
	if (!json_object_object_get_ex(state, "state", &container) ||
	    !json_object_object_get_ex(container, "id", &id))
		return -EPROTO;
	copy = strdup(json_object_get_string(id) ? json_object_get_string(id) : "");
	if (!copy)
		return -ENOMEM;
	*ret = (struct calls_message){ copy, c->fds[index] };
	c->fds[index] = c->fds[--c->fd_count];
	return 1;
}

/* Return: 1; 0 if more has to come; -EAGAIN if nothing more is there; or -errno. */
static int read_piece(struct calls_client *c, struct calls_message *ret)
{
	struct json_object *state;
	char data[4096];
	ssize_t n = receive(c, data, sizeof(data));
	int r;

	if (n <= 0)
		return n ? (int)n : -EPIPE;
	c->length += (size_t)n;
	if (c->length > STATE_MAX)
		return -EPROTO;
	state = json_tokener_parse_ex(c->tokener, data, (int)n);
	if (!state)
		return json_tokener_get_error(c->tokener) == json_tokener_continue ? 0 : -EPROTO;
	r = take_message(c, state, ret);
	json_object_put(state);
	return r;
}

int calls_client_read(struct calls_client *c, struct calls_message *ret)
{
	int r;

	do
		r = read_piece(c, ret);
	while (r == 0);
	return r == -EAGAIN ? 0 : r;
}
