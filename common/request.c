/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/request.h"

#include <pthread.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/birth.h"
#include "common/errors.h"
#include "common/fuse_kernel.h"
#include "common/log.h"
#include "common/negotiate.h"
#include "common/outlet.h"

/*
 * The hooks for libfuse are given nothing of ours. A process serves one mount, so
 * these may stand outside of any structure.
 */
static struct session *serving;
static pthread_key_t slot_key;
static _Thread_local struct record_slot *thread_slot;
static _Thread_local bool thread_resent;
static _Thread_local const struct fusek_in_header *thread_request;
static _Thread_local struct fusek_open_out thread_open_extra;
static _Thread_local bool thread_asks_birth, thread_knows_birth;
static _Thread_local struct timespec thread_birth;

static ssize_t send_reply(int fd, const struct iovec *iov, int count);
static ssize_t send_spliced(int pipe_fd, int fd, size_t bytes, unsigned flags);

static struct outlet to_device = {
	.send = send_reply, .send_spliced = send_spliced,
};

static void give_slot(void *slot)
{
	record_slot_give(slot);
}

int request_init(struct session *s)
{
	serving = s;
	to_device.device_fd = s->device_fd;
	outlet_set(&to_device);
	return -pthread_key_create(&slot_key, give_slot);
}

/* Also for threads of the file system that only reply. */
static struct record_slot *my_slot(void)
{
	if (!thread_slot) {
		thread_slot = record_slot_take(serving->record);
		(void)pthread_setspecific(slot_key, thread_slot);
	}
	return thread_slot;
}

struct fusek_in_header *request_header_place(void)
{
	struct record_slot *slot = my_slot();

	return slot ? &slot->in : NULL;
}

struct session_passed *session_pass_request(struct session *s)
{
	return thread_request ?
		       (void *)record_pass(s->record, thread_request->unique) : NULL;
}

void session_take_request(struct session_passed *passed)
{
	struct record_passed *p = (void *)passed;

	if (p)
		atomic_store(&p->is_begun, 1);
}

void session_end_request(struct session_passed *passed)
{
	record_pass_end((void *)passed);
}

bool session_is_resent(const struct session *s)
{
	return thread_resent;
}

uint64_t session_request_id(void)
{
	return thread_request ? thread_request->unique & ~FUSEK_UNIQUE_RESEND : 0;
}

void session_extend_open(struct session *s, uint32_t open_flags,
			 int32_t backing_id)
{
	thread_open_extra.open_flags = open_flags;
	thread_open_extra.backing_id = backing_id;
}

bool session_request_asks_birth(void)
{
	return thread_asks_birth;
}

void session_extend_attr(const struct timespec *birth)
{
	thread_birth = *birth;
	thread_knows_birth = true;
}

/* The replies to OPEN and CREATE both end in a fusek_open_out. */
static void extend_open(const struct iovec *iov, int count)
{
	const struct fusek_out_header *header = iov[0].iov_base;
	const struct iovec *last = &iov[count - 1];
	struct fusek_open_out *out;

	if (!header->error && count > 1 && last->iov_len >= sizeof(*out)) {
		out = (void *)((char *)last->iov_base + last->iov_len -
			       sizeof(*out));
		out->open_flags |= thread_open_extra.open_flags;
		out->backing_id = thread_open_extra.backing_id;
	}
	memset(&thread_open_extra, 0, sizeof(thread_open_extra));
}

static bool answers_init(const struct fusek_out_header *out)
{
	const struct fusek_in_header *init = (const void *)serving->record->init;

	return serving->record->init_bytes && out->unique == init->unique;
}

static ssize_t answer_init(int fd, const struct iovec *iov, int count)
{
	serving->init_answered = true;
	negotiate_reply(serving, iov, count);
	if (session_generation(serving) > 0)	/* the kernel had it long ago */
		return ((struct fusek_out_header *)iov[0].iov_base)->len;
	return outlet_writev(fd, iov, count);
}

static ssize_t send_reply(int fd, const struct iovec *iov, int count)
{
	const struct fusek_out_header *out = iov[0].iov_base;
	struct birth_reply with_birth;
	struct iovec whole = { &with_birth, sizeof(with_birth) };
	struct record_slot *slot;
	ssize_t n;

	if (out->unique == 0)		/* a notification */
		return outlet_writev(fd, iov, count);
	if (answers_init(out))
		return answer_init(fd, iov, count);

	if (thread_open_extra.open_flags)
		extend_open(iov, count);
	if (thread_asks_birth && out->unique == thread_request->unique &&
	    birth_reply(iov, count, thread_knows_birth ? &thread_birth : NULL,
			&with_birth)) {
		iov = &whole;
		count = 1;
	}
	slot = my_slot();
	record_decide(slot, iov, count);
	n = outlet_writev(fd, iov, count);
	record_sent(slot);
	return n;
}

/* Only large replies to READ: the kernel may ask for those as often as it likes,
 * so they are not recorded. */
static ssize_t send_spliced(int pipe_fd, int fd, size_t bytes, unsigned flags)
{
	ssize_t n = outlet_splice(pipe_fd, fd, bytes, flags);

	record_sent(my_slot());
	return n;
}

static void send_raw(struct session *s, const void *data, size_t bytes)
{
	/* ENOENT: the kernel has the answer already, or its asker gave up. */
	if (write(s->device_fd, data, bytes) < 0 && errno != ENOENT)
		log_warn("cannot write to the FUSE device: %s\nGoing on.",
			 strerror(errno));
}

static void send_error(struct session *s, uint64_t unique, int error)
{
	struct fusek_out_header out = {
		.len = sizeof(out), .error = -error, .unique = unique,
	};

	send_raw(s, &out, sizeof(out));
}

bool session_request_drops_privileges(void)
{
	const struct fusek_in_header *in = thread_request;
	const void *body = in + 1;

	if (in && in->opcode == FUSEK_OP_WRITE)
		return ((const struct fusek_write_in *)body)->write_flags &
		       FUSEK_WRITE_KILL_SUIDGID;
	if (in && in->opcode == FUSEK_OP_SETATTR)
		return ((const struct fusek_setattr_in *)body)->valid &
		       FUSEK_FATTR_KILL_SUIDGID;
	return true;
}

uint64_t session_poll_waiter(void)
{
	const struct fusek_in_header *in = thread_request;
	const struct fusek_poll_in *poll = (const void *)(in + 1);

	return in && in->opcode == FUSEK_OP_POLL &&
	       poll->flags & FUSEK_POLL_SCHEDULE_NOTIFY ? poll->kh : 0;
}

void session_notify_poll(struct session *s, uint64_t waiter)
{
	const struct {
		struct fusek_out_header header;
		uint64_t kh;
	} wake = {
		{ .len = sizeof(wake), .error = FUSEK_NOTIFY_POLL }, waiter,
	};

	send_raw(s, &wake, sizeof(wake));
}

int session_notify_prune(struct session *s, const uint64_t *ids, unsigned count)
{
	const struct fusek_notify_prune_out prune = { .count = count };
	const struct fusek_out_header header = {
		.len = sizeof(header) + sizeof(prune) + count * sizeof(*ids),
		.error = FUSEK_NOTIFY_PRUNE,
	};
	const struct iovec iov[] = {
		{ (void *)&header, sizeof(header) },
		{ (void *)&prune, sizeof(prune) },
		{ (void *)ids, count * sizeof(*ids) },
	};

	return outlet_writev(s->device_fd, iov, 3) < 0 ? -errno : 0;
}

bool session_is_remembered(struct session *s, uint64_t id)
{
	/* Less than 0: no pages are dropped, only what it knows of attributes. */
	const struct fusek_notify_inval_inode_out inval = { .ino = id, .off = -1 };
	const struct fusek_out_header header = {
		.len = sizeof(header) + sizeof(inval),
		.error = FUSEK_NOTIFY_INVAL_INODE,
	};
	const struct iovec iov[] = {
		{ (void *)&header, sizeof(header) },
		{ (void *)&inval, sizeof(inval) },
	};

	return outlet_writev(s->device_fd, iov, 2) >= 0 || errno != ENOENT;
}

/* Answers from what a dead worker decided. */
static void send_orphan(struct session *s, struct record_reply *reply,
			uint64_t unique)
{
	struct fusek_out_header *out = (void *)reply->data;

	out->unique = unique;	/* its resend bit is part of its name */
	send_raw(s, reply->data, reply->bytes);
	record_orphan_sent(reply);
}

/* Return: true if the request needs no more work. */
static bool settle_resent(struct session *s, const struct fusek_in_header *in)
{
	struct record_reply *orphan = record_orphan(s->record, in->unique);

	if (orphan) {
		send_orphan(s, orphan, in->unique);
		record_sent(my_slot());
		return true;
	}
	if (record_is_poison(s->record, in->unique)) {
		log_error("a request of kind %u crashed %d workers\nIt is answered with an I/O error; please report the crashes.",
			  in->opcode, RECORD_CRASHES_ALLOWED);
		send_error(s, in->unique, EIO);
		return true;
	}
	return false;
}

/* What libfuse 3.14 does not know comes to it as what it is most like. */
static void rename_request(const struct session *s, struct fusek_in_header *in)
{
	thread_asks_birth = in->opcode == FUSEK_OP_STATX && s->config->knows_birth;
	thread_knows_birth = false;
	if (thread_asks_birth)
		in->opcode = FUSEK_OP_GETATTR;
	if (in->opcode == FUSEK_OP_TMPFILE)
		in->opcode = FUSEK_OP_CREATE;
}

void request_work_on(struct session *s, const struct fuse_buf *buf)
{
	struct record_slot *slot = my_slot();
	struct fusek_in_header *in = buf->mem;

	record_begin(slot, in->unique, in->opcode);
	thread_resent = in->unique & FUSEK_UNIQUE_RESEND;
	thread_request = in;
	rename_request(s, in);
	if (!thread_resent || !settle_resent(s, in))
		fuse_session_process_buf(s->fuse, buf);
	thread_request = NULL;
	thread_asks_birth = false;
	record_end(slot);
}

void request_recover(struct session *s, const uint64_t *lost, unsigned count)
{
	struct fusek_out_header resend = {
		.len = sizeof(resend), .error = FUSEK_NOTIFY_RESEND,
	};

	if (session_has(s, SESSION_RESEND)) {
		send_raw(s, &resend, sizeof(resend));
		return;
	}
	for (unsigned i = 0; i < count; i++) {
		struct record_reply *orphan = record_orphan(s->record, lost[i]);

		if (orphan)
			send_orphan(s, orphan, lost[i]);
		else
			send_error(s, lost[i], EIO);
	}
}
