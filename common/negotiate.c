/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/negotiate.h"

#include <errno.h>
#include <string.h>

#include "common/fuse_kernel.h"
#include "common/log.h"
#include "common/session_impl.h"

/* 0 where the libfuse at hand has no name for it. */
#ifdef FUSE_CAP_HANDLE_KILLPRIV_V2
#define CAP_KILLPRIV_V2 FUSE_CAP_HANDLE_KILLPRIV_V2
#else
#define CAP_KILLPRIV_V2 0
#endif
#ifdef FUSE_CAP_PASSTHROUGH
#define CAP_PASSTHROUGH FUSE_CAP_PASSTHROUGH
#else
#define CAP_PASSTHROUGH 0
#endif
#ifdef FUSE_CAP_DIRECT_IO_ALLOW_MMAP
#define CAP_DIRECT_IO_ALLOW_MMAP FUSE_CAP_DIRECT_IO_ALLOW_MMAP
#else
#define CAP_DIRECT_IO_ALLOW_MMAP 0
#endif

/*
 * What libfuse knows is asked of libfuse as well, for it may behave
 * differently then. Where it does not, the flag in the reply is enough.
 */
static const struct feature {
	uint64_t flag;		/* of INIT; 0: comes with the protocol version */
	unsigned minor;		/* version that has it, where there is no flag */
	unsigned libfuse_cap;	/* in conn->want */
} features[SESSION_FEATURE_COUNT] = {
	[SESSION_HANDLE_KILLPRIV_V2] = {
		FUSEK_HANDLE_KILLPRIV_V2, 0, CAP_KILLPRIV_V2 },
	[SESSION_PASSTHROUGH] = { FUSEK_PASSTHROUGH, 0, CAP_PASSTHROUGH },
	[SESSION_RESEND] = { FUSEK_HAS_RESEND, 0, 0 },
	[SESSION_ALLOW_IDMAP] = { FUSEK_ALLOW_IDMAP, 0, 0 },
	[SESSION_PARALLEL_DIRECT_WRITES] = { 0, 38, 0 },
	[SESSION_DIRECT_IO_ALLOW_MMAP] = {
		FUSEK_DIRECT_IO_ALLOW_MMAP, 0, CAP_DIRECT_IO_ALLOW_MMAP },
	[SESSION_CACHE_SYMLINKS] = {
		FUSEK_CACHE_SYMLINKS, 0, FUSE_CAP_CACHE_SYMLINKS },
};

enum {
	MINOR_PASSTHROUGH = 40,
	MINOR_IDMAP = 41,
};

int negotiate_record(struct session *s, const void *request, size_t bytes)
{
	const struct fusek_in_header *header = request;
	struct fusek_init_in init = { 0 };
	struct record *r = s->record;
	size_t body = bytes - sizeof(*header);

	if (bytes < sizeof(*header) + 16 || bytes > sizeof(r->init) ||
	    header->opcode != FUSEK_OP_INIT)
		return -EPROTO;

	memcpy(&init, header + 1, body < sizeof(init) ? body : sizeof(init));
	r->offered = init.flags;
	if (init.flags & FUSEK_INIT_EXT)
		r->offered |= (uint64_t)init.flags2 << 32;
	r->minor = init.minor;
	memcpy(r->init, request, bytes);
	r->init_bytes = (uint32_t)bytes;
	return 0;
}

static bool is_offered(const struct session *s, const struct feature *f)
{
	if (f->flag)
		return s->record->offered & f->flag;
	return s->record->minor >= f->minor;
}

void negotiate_begin(struct session *s, struct fuse_conn_info *conn)
{
	s->conn = conn;
	s->wanted = 0;
	if (!s->config->no_resend)
		s->wanted = FUSEK_HAS_RESEND & s->record->offered;
	s->stack_depth = 1;

	conn->max_read = s->config->max_read_bytes;
	/*
	 * Large replies go from the backing file through a pipe instead of our
	 * memory. Requests do not: each would cost a second system call, and nearly
	 * all are small.
	 */
	conn->want |= conn->capable & FUSE_CAP_SPLICE_WRITE;
}

void negotiate_end(struct session *s, struct fuse_conn_info *conn)
{
	s->conn = NULL;
	conn->want &= ~(unsigned)FUSE_CAP_SPLICE_READ;
	if (conn->max_write > RECEIVE_WRITE_BYTES)
		conn->max_write = RECEIVE_WRITE_BYTES;
	s->wants_parallel_dirops = conn->want & FUSE_CAP_PARALLEL_DIROPS;
	if (conn->want & FUSE_CAP_WRITEBACK_CACHE) {
		s->wanted &= ~FUSEK_PASSTHROUGH;
		conn->want &= ~(unsigned)CAP_PASSTHROUGH;
	}
#ifdef FUSE_CAP_PASSTHROUGH
	if (s->wanted & FUSEK_PASSTHROUGH)
		conn->max_backing_stack_depth = s->stack_depth - 1;
#endif
}

static bool is_possible(const struct session *s, enum session_feature feature)
{
	if (feature == SESSION_RESEND)
		return !s->config->no_resend;
	/* The kernel refuses these pairs, or even the whole connection. */
	if (feature == SESSION_PASSTHROUGH)
		return !(s->conn->want & FUSE_CAP_WRITEBACK_CACHE);
	if (feature == SESSION_ALLOW_IDMAP)
		return s->config->default_permissions;
	return true;
}

bool negotiate_want(struct session *s, enum session_feature feature)
{
	const struct feature *f = &features[feature];

	if (!s->conn || !is_offered(s, f) || !is_possible(s, feature))
		return false;
	/* A successor cannot ask any more: what was granted is what there is. */
	if (session_generation(s) > 0 && !negotiate_has(s, feature))
		return false;

	s->wanted |= f->flag;
	s->conn->want |= f->libfuse_cap;
	return true;
}

bool negotiate_has(const struct session *s, enum session_feature feature)
{
	const struct feature *f = &features[feature];

	if (!f->flag)
		return is_offered(s, f);
	return atomic_load_explicit(&s->record->granted, memory_order_relaxed) &
	       f->flag;
}

static uint64_t complete_flags(const struct session *s, uint64_t flags)
{
	uint64_t ours = s->wanted;

	/* libfuse 3.14 has the capability, but forgets to ask for it. */
	if (s->wants_parallel_dirops)
		ours |= FUSEK_PARALLEL_DIROPS;
	if (ours >> 32)
		ours |= FUSEK_INIT_EXT;
	return flags | (ours & s->record->offered);
}

static unsigned needed_minor(uint64_t flags)
{
	if (flags & FUSEK_ALLOW_IDMAP)
		return MINOR_IDMAP;
	if (flags & (FUSEK_PASSTHROUGH | FUSEK_HAS_RESEND))
		return MINOR_PASSTHROUGH;
	return 0;
}

void negotiate_reply(struct session *s, const struct iovec *iov, int count)
{
	const struct fusek_out_header *header = iov[0].iov_base;
	struct fusek_init_out *out;
	uint64_t flags;

	/* A refusal, or a kernel before 7.23, which has nothing of ours. */
	if (header->error || count < 2 || iov[1].iov_len < sizeof(*out))
		return;

	out = iov[1].iov_base;
	flags = out->flags;
	if (out->flags & FUSEK_INIT_EXT)
		flags |= (uint64_t)out->flags2 << 32;
	flags = complete_flags(s, flags);

	out->flags = (uint32_t)flags;
	out->flags2 = (uint32_t)(flags >> 32);
	if (flags & FUSEK_PASSTHROUGH)
		out->max_stack_depth = s->stack_depth;
	if (out->minor < needed_minor(flags))
		out->minor = needed_minor(flags);

	if (session_generation(s) == 0)
		atomic_store(&s->record->granted, flags);
	log_debug("INIT: the kernel offers %#llx, asked for %#llx",
		  (unsigned long long)s->record->offered,
		  (unsigned long long)flags);
}
