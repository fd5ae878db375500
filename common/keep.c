/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/keep.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/errors.h"
#include "common/log.h"

/* With a descriptor: keep it; without: close what is kept there. */
struct keep_message {
	uint32_t place;
};

int keep_init(struct session *s)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	s->keep_holder_fd = pair[0];
	s->keep_worker_fd = pair[1];
	return 0;
}

static void close_kept(struct record *r, unsigned place)
{
	if (r->kept[place] > 0)
		close(r->kept[place]);
	r->kept[place] = 0;
}

void keep_done(struct session *s)
{
	for (unsigned i = 0; s->record && i < RECORD_KEPT; i++)
		close_kept(s->record, i);
	if (s->keep_holder_fd >= 0)
		close(s->keep_holder_fd);
	if (s->keep_worker_fd >= 0)
		close(s->keep_worker_fd);
}

union keep_control {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int))];
};

static int send_message(struct session *s, unsigned place, int fd)
{
	struct keep_message m = { .place = place };
	struct iovec iov = { &m, sizeof(m) };
	union keep_control control = { .header.cmsg_len = 0 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (fd >= 0) {
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
	}
	do
		n = sendmsg(s->keep_worker_fd, &message, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* Return: 1; 0 if there is nothing; -errno. */
static int receive_message(int socket_fd, struct keep_message *m, int *ret_fd)
{
	struct iovec iov = { m, sizeof(*m) };
	union keep_control control;
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *c;
	ssize_t n = recvmsg(socket_fd, &message,
			    MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	*ret_fd = -1;
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	c = CMSG_FIRSTHDR(&message);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(ret_fd, CMSG_DATA(c), sizeof(*ret_fd));
	return n == sizeof(*m);
}

void keep_collect(struct session *s)
{
	struct record *r = s->record;
	struct keep_message m;
	int fd;

	while (receive_message(s->keep_holder_fd, &m, &fd) > 0) {
		if (m.place >= RECORD_KEPT) {
			if (fd >= 0)
				close(fd);
			continue;
		}
		close_kept(r, m.place);
		if (fd >= 0)
			r->kept[m.place] = fd;
	}
}

void keep_show(struct session *s)
{
	keep_collect(s);
	memcpy(s->inherited, s->record->kept, sizeof(s->inherited));
}

void keep_adopt(struct session *s)
{
	struct record *r = s->record;

	for (unsigned i = 0; i < RECORD_KEPT; i++) {
		s->inherited[i] = r->kept[i];
		if (r->kept[i] > 0)	/* lost it when we were executed */
			(void)fcntl(r->kept[i], F_SETFD, FD_CLOEXEC);
		atomic_store(&r->kept_taken[i], r->kept[i] > 0);
	}
}

/* From where the last one was found: most places are soon free again. */
static int take_place(struct session *s)
{
	unsigned at = atomic_load_explicit(&s->keep_next, memory_order_relaxed);

	for (unsigned n = 0; n < RECORD_KEPT; n++, at++) {
		unsigned i = at % RECORD_KEPT;
		uint8_t was = 0;

		/* 0 stands for "none" in the tables of those who keep. */
		if (i == 0 ||
		    !atomic_compare_exchange_strong(&s->record->kept_taken[i],
						    &was, 1))
			continue;
		atomic_store_explicit(&s->keep_next, i + 1, memory_order_relaxed);
		return (int)i;
	}
	return -EMFILE;
}

int session_keep_fd_at(struct session *s, int fd, uint32_t *ret_place)
{
	int place = take_place(s);
	int r;

	if (place < 0)
		return place;
	__atomic_store_n(ret_place, (uint32_t)place, __ATOMIC_RELEASE);
	r = send_message(s, (unsigned)place, fd);
	if (r < 0) {
		__atomic_store_n(ret_place, 0, __ATOMIC_RELEASE);
		atomic_store(&s->record->kept_taken[place], 0);
		return r;
	}
	return place;
}

int session_keep_fd(struct session *s, int fd)
{
	uint32_t place;

	return session_keep_fd_at(s, fd, &place);
}

int session_kept_fd(const struct session *s, int place)
{
	if (place <= 0 || place >= RECORD_KEPT)
		return -ENOENT;
	/* What this worker itself sent is not here, but in the holder. */
	return s->inherited[place] > 0 ? s->inherited[place] : -ENOENT;
}

void session_drop_fd(struct session *s, int place)
{
	int r;

	if (place <= 0 || place >= RECORD_KEPT)
		return;
	if (s->inherited[place] > 0)
		close(s->inherited[place]);
	s->inherited[place] = 0;

	r = send_message(s, (unsigned)place, -1);
	if (r < 0)
		log_warn("a descriptor stays open in the holder: %s", strerror(-r));
	else
		atomic_store(&s->record->kept_taken[place], 0);
}
