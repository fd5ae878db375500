/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/lib/hellofs.c - a small file system that shows what the session does
 *
 * Node ids are rows of a table, so any worker knows them. Its one writable file
 * and its counters live in the session's state.
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/log.h"
#include "common/session.h"

/* Other versions of it are built with other values. */
#ifndef HELLO_TEXT
#define HELLO_TEXT "hello, world"
#endif
#ifndef HELLO_STATE_VERSION
#define HELLO_STATE_VERSION 1
#endif
#ifndef HELLO_CANNOT_TAKE_OVER
#define HELLO_CANNOT_TAKE_OVER false
#endif

enum { NOTE_BYTES = 4096, BIG_BYTES = 1 << 20 };

struct state {
	uint64_t version;
	uint64_t starts, unlinks, stuck, pauses;
	_Atomic uint64_t crashes;	/* two readers may be at it */
	int64_t kept_place;
	uint64_t note_bytes;
	char note[NOTE_BYTES];
};

struct hello {
	struct session *session;
	struct state *state;
	char *big;
	int kept_fd, inherited_fd;
	bool fail_start, crash_later_starts, exit_later_starts, writeback;
	bool upgrade, upgrade_all;
};

static const struct {
	const char *name;
	enum session_feature feature;
} feature_names[] = {
	{ "killpriv_v2", SESSION_HANDLE_KILLPRIV_V2 },
	{ "passthrough", SESSION_PASSTHROUGH },
	{ "resend", SESSION_RESEND },
	{ "allow_idmap", SESSION_ALLOW_IDMAP },
	{ "parallel_direct_writes", SESSION_PARALLEL_DIRECT_WRITES },
	{ "direct_io_allow_mmap", SESSION_DIRECT_IO_ALLOW_MMAP },
	{ "cache_symlinks", SESSION_CACHE_SYMLINKS },
};

enum { FEATURES = sizeof(feature_names) / sizeof(feature_names[0]) };

static size_t render_hello(struct hello *h, char *text, size_t size)
{
	return (size_t)snprintf(text, size, HELLO_TEXT "\n");
}

/* Made once: under a sanitizer, a megabyte for each read takes its time. */
static size_t render_big(struct hello *h, char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		text[i] = (char)('a' + i % 26);
	return size;
}

static size_t render_features(struct hello *h, char *text, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < FEATURES; i++)
		if (session_has(h->session, feature_names[i].feature))
			n += (size_t)snprintf(text + n, size - n, "%s\n",
					      feature_names[i].name);
	return n;
}

static size_t render_status(struct hello *h, char *text, size_t size)
{
	return (size_t)snprintf(text, size,
			"pid %d\ngeneration %u\nunlinks %llu\nlookups %llu\n"
			"pauses %llu\nstuck %llu\n",
			getpid(), session_generation(h->session),
			(unsigned long long)h->state->unlinks,
			(unsigned long long)session_request_count(h->session, 1),
			(unsigned long long)h->state->pauses,
			(unsigned long long)h->state->stuck);
}

static size_t render_spinning(struct hello *h, char *text, size_t size)
{
	volatile uint64_t *stuck = &h->state->stuck;

	if ((*stuck)++ == 0)
		while (*stuck)
			;
	return (size_t)snprintf(text, size, HELLO_TEXT "\n");
}

static size_t render_stuck(struct hello *h, char *text, size_t size)
{
	if (h->state->stuck++ == 0)
		for (;;)
			pause();
	return render_hello(h, text, size);
}

/* From a file that has no name. */
static size_t render_kept(struct hello *h, char *text, size_t size)
{
	ssize_t n = pread(h->kept_fd, text, size, 0);

	return n < 0 ? 0 : (size_t)n;
}

static size_t render_crash(struct hello *h, char *text, size_t size)
{
	h->state->crashes++;
	abort();
}

static size_t render_crash_once(struct hello *h, char *text, size_t size)
{
	if (h->state->crashes++ == 0)
		abort();
	return render_hello(h, text, size);
}

/* As deep as @levels say, with a page for each. */
static int overflow(volatile char *before, unsigned levels)
{
	volatile char here[4096];

	here[0] = *before;
	return levels ? overflow(here, levels - 1) + here[0] : 0;
}

static size_t render_overflow_once(struct hello *h, char *text, size_t size)
{
	if (h->state->crashes++ == 0)
		return (size_t)overflow(text, UINT_MAX);
	return render_hello(h, text, size);
}

static size_t render_note(struct hello *h, char *text, size_t size)
{
	memcpy(text, h->state->note, h->state->note_bytes);
	return h->state->note_bytes;
}

static size_t render_inherited(struct hello *h, char *text, size_t size)
{
	ssize_t n = pread(h->inherited_fd, text, size, 0);

	return n < 0 ? 0 : (size_t)n;
}

static const struct {
	const char *name;
	size_t (*render)(struct hello *h, char *text, size_t size);
	bool cached;
} files[] = {
	{ "hello", render_hello, false },
	{ "big", render_big, false },
	{ "features", render_features, false },
	{ "status", render_status, false },
	{ "crash", render_crash, false },
	{ "crash-once", render_crash_once, false },
	{ "overflow-once", render_overflow_once, false },
	{ "stuck", render_stuck, false },
	{ "spinning", render_spinning, false },
	{ "kept", render_kept, false },
	{ "inherited", render_inherited, false },
	{ "note", render_note, true },
};

enum { FILES = sizeof(files) / sizeof(files[0]), NOTE = FILES - 1 };

static size_t ino_to_file(fuse_ino_t ino)
{
	return ino - FUSE_ROOT_ID - 1;
}

static bool fill_attr(struct hello *h, fuse_ino_t ino, struct stat *st)
{
	size_t file = ino_to_file(ino);

	memset(st, 0, sizeof(*st));
	st->st_ino = ino;
	st->st_uid = getuid();
	st->st_gid = getgid();
	if (ino == FUSE_ROOT_ID) {
		st->st_mode = S_IFDIR | 0755;
		st->st_nlink = 2;
		return true;
	}
	if (file >= FILES)
		return false;
	st->st_mode = S_IFREG | 0644;
	st->st_nlink = 1;
	st->st_size = file == NOTE ? (off_t)h->state->note_bytes : 0;
	return true;
}

static void hello_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e = { .attr_timeout = 0, .entry_timeout = 0 };

	for (size_t i = 0; i < FILES; i++) {
		if (strcmp(files[i].name, name) != 0)
			continue;
		e.ino = FUSE_ROOT_ID + 1 + i;
		fill_attr(fuse_req_userdata(req), e.ino, &e.attr);
		fuse_reply_entry(req, &e);
		return;
	}
	fuse_reply_err(req, ENOENT);
}

static void hello_getattr(fuse_req_t req, fuse_ino_t ino,
			  struct fuse_file_info *fi)
{
	struct stat st;

	if (fill_attr(fuse_req_userdata(req), ino, &st))
		fuse_reply_attr(req, &st, 0);
	else
		fuse_reply_err(req, ENOENT);
}

static void hello_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr,
			  int to_set, struct fuse_file_info *fi)
{
	struct hello *h = fuse_req_userdata(req);

	if (ino_to_file(ino) == NOTE && (to_set & FUSE_SET_ATTR_SIZE))
		h->state->note_bytes = (uint64_t)attr->st_size % NOTE_BYTES;
	hello_getattr(req, ino, fi);
}

static void hello_readdir(fuse_req_t req, fuse_ino_t ino, size_t size,
			  off_t offset, struct fuse_file_info *fi)
{
	char buf[4096];
	size_t n = 0;

	size = size < sizeof(buf) ? size : sizeof(buf);
	for (size_t i = (size_t)offset; i < FILES; i++) {
		struct stat st = { .st_ino = FUSE_ROOT_ID + 1 + i };
		size_t bytes = fuse_add_direntry(req, buf + n, size - n,
						 files[i].name, &st,
						 (off_t)i + 1);

		if (bytes > size - n)
			break;
		n += bytes;
	}
	fuse_reply_buf(req, buf, n);
}

static void hello_open(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	fi->direct_io = !files[ino_to_file(ino)].cached;
	fi->noflush = 1;	/* close() must not need a worker */
	fuse_reply_open(req, fi);
}

static void reply_part(fuse_req_t req, const char *text, size_t bytes,
		       size_t size, off_t offset)
{
	if ((size_t)offset >= bytes)
		fuse_reply_buf(req, NULL, 0);
	else if (bytes - (size_t)offset < size)
		fuse_reply_buf(req, text + offset, bytes - (size_t)offset);
	else
		fuse_reply_buf(req, text + offset, size);
}

static void hello_read(fuse_req_t req, fuse_ino_t ino, size_t size,
		       off_t offset, struct fuse_file_info *fi)
{
	struct hello *h = fuse_req_userdata(req);
	size_t file = ino_to_file(ino);
	char text[NOTE_BYTES];

	if (files[file].render == render_big)
		reply_part(req, h->big, BIG_BYTES, size, offset);
	else
		reply_part(req, text, files[file].render(h, text, sizeof(text)),
			   size, offset);
}

static void hello_write(fuse_req_t req, fuse_ino_t ino, const char *data,
			size_t size, off_t offset, struct fuse_file_info *fi)
{
	struct hello *h = fuse_req_userdata(req);

	if (ino_to_file(ino) != NOTE || (size_t)offset + size > NOTE_BYTES) {
		fuse_reply_err(req, ENOSPC);
		return;
	}
	memcpy(h->state->note + offset, data, size);
	if ((size_t)offset + size > h->state->note_bytes)
		h->state->note_bytes = (size_t)offset + size;
	log_info("write to note");
	fuse_reply_write(req, size);
}

/* Carried out, then dead before the answer: the hardest moment there is. */
static void hello_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct hello *h = fuse_req_userdata(req);

	if (session_is_resent(h->session)) {
		fuse_reply_err(req, 0);
		return;
	}
	h->state->unlinks++;
	raise(SIGKILL);
}

static const struct fuse_lowlevel_ops hello_ops = {
	.lookup = hello_lookup,
	.getattr = hello_getattr,
	.setattr = hello_setattr,
	.readdir = hello_readdir,
	.open = hello_open,
	.read = hello_read,
	.write = hello_write,
	.unlink = hello_unlink,
};

static int text_file(const char *text)
{
	int fd = memfd_create("hello", MFD_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return -errno;
	return fd;
}

static int hello_keep(struct hello *h)
{
	h->kept_fd = session_kept_fd(h->session, (int)h->state->kept_place);
	if (h->kept_fd >= 0)
		return 0;
	if (h->state->kept_place)
		return -ENOENT;		/* it must be there */

	h->kept_fd = text_file("kept\n");
	if (h->kept_fd < 0)
		return h->kept_fd;
	h->state->kept_place = session_keep_fd(h->session, h->kept_fd);
	return h->state->kept_place < 0 ? (int)h->state->kept_place : 0;
}

static int hello_start(struct session *s, void *context, void **ret_userdata)
{
	struct hello *h = context;
	size_t bytes;

	h->session = s;
	h->state = session_state(s, &bytes);
	h->state->version = HELLO_STATE_VERSION;
	if (h->fail_start) {
		log_error("told to fail\nTell it otherwise.");
		return -EINVAL;
	}
	if (h->state->starts++ > 0 && h->crash_later_starts)
		abort();
	if (h->state->starts > 1 && h->exit_later_starts)
		return -EINVAL;
	if (session_generation(s) > 0 && HELLO_CANNOT_TAKE_OVER)
		return -EINVAL;
	*ret_userdata = h;
	return hello_keep(h);
}

static int hello_check(struct session *s, void *context)
{
	size_t bytes;
	const struct state *state = session_state(s, &bytes);

	if (state->version == HELLO_STATE_VERSION)
		return 0;
	log_error("the state is of version %d, this reads %d\nUnmount first.",
		  (int)state->version, HELLO_STATE_VERSION);
	return -EPROTO;
}

static void hello_pause(void *userdata)
{
	struct hello *h = userdata;

	h->state->pauses++;
}

static void hello_init(void *userdata, struct fuse_conn_info *conn)
{
	struct hello *h = userdata;

	for (size_t i = 0; i < FEATURES; i++)
		(void)session_want(h->session, feature_names[i].feature);
	if (h->writeback)
		conn->want |= conn->capable & FUSE_CAP_WRITEBACK_CACHE;
}

static void hello_stop(void *userdata)
{
	struct hello *h = userdata;

	log_info("stopped with note '%.*s'", (int)h->state->note_bytes,
		 h->state->note);
}

static const struct session_service hello_service = {
	.ops = &hello_ops,
	.ops_size = sizeof(hello_ops),
	.start = hello_start,
	.init = hello_init,
	.stop = hello_stop,
	.pause = hello_pause,
	.check = hello_check,
};

static const struct option options[] = {
	{ "foreground", no_argument, NULL, 'f' },
	{ "debug", no_argument, NULL, 'd' },
	{ "options", required_argument, NULL, 'o' },
	{ "allow-other", no_argument, NULL, 'a' },
	{ "default-permissions", no_argument, NULL, 'p' },
	{ "threads", required_argument, NULL, 't' },
	{ "max-read", required_argument, NULL, 'm' },
	{ "no-resend", no_argument, NULL, 'R' },
	{ "spin", required_argument, NULL, 's' },
	{ "writeback", no_argument, NULL, 'w' },
	{ "watchdog", required_argument, NULL, 'W' },
	{ "subtype", required_argument, NULL, 'T' },
	{ "upgrade", no_argument, NULL, 'U' },
	{ "upgrade-all", no_argument, NULL, 'A' },
	{ "fail-start", no_argument, NULL, 'F' },
	{ "crash-later-starts", no_argument, NULL, 'C' },
	{ "exit-later-starts", no_argument, NULL, 'E' },
	{ NULL },
};

static bool set_option(int c, struct session_config *config, struct hello *h)
{
	switch (c) {
	case 'f': config->foreground = true; return true;
	case 'd': config->debug = true; return true;
	case 'o': config->mount_flags = optarg; return true;
	case 'a': config->allow_other = true; return true;
	case 'p': config->default_permissions = true; return true;
	case 't': config->threads = (unsigned)atoi(optarg); return true;
	case 'm': config->max_read_bytes = (unsigned)atoi(optarg); return true;
	case 'R': config->no_resend = true; return true;
	case 's': config->spin_us = atoi(optarg); return true;
	case 'w': h->writeback = true; return true;
	case 'W': config->watchdog_s = atoi(optarg); return true;
	case 'T': config->subtype = optarg; return true;
	case 'U': h->upgrade = true; return true;
	case 'A': h->upgrade_all = true; return true;
	case 'F': h->fail_start = true; return true;
	case 'C': h->crash_later_starts = true; return true;
	case 'E': h->exit_later_starts = true; return true;
	default: return false;
	}
}

int main(int argc, char **argv)
{
	struct hello h = { 0 };
	struct session_config config = {
		.fsname = "hello, fs", .subtype = "hellofs",
		.state_bytes = sizeof(struct state),
	};
	int c, status;

	log_open("hellofs", LOG_LEVEL_INFO);
	while ((c = getopt_long(argc, argv, "fdo:", options, NULL)) != -1)
		if (!set_option(c, &config, &h))
			return 2;
	if (h.upgrade_all)
		return session_upgrade(NULL, config.subtype);
	if (optind != argc - 1) {
		log_error("no mountpoint given\nUsage: hellofs [OPTION]... MOUNTPOINT");
		return 2;
	}
	config.mountpoint = argv[optind];
	if (h.upgrade)
		return session_upgrade(config.mountpoint, config.subtype);
	h.inherited_fd = session_is_handover() ? session_handover_fd(0) :
						 text_file("inherited\n");
	h.big = malloc(BIG_BYTES);
	if (h.inherited_fd < 0 || !h.big)
		return 1;
	render_big(&h, h.big, BIG_BYTES);
	config.inherit_fds[0] = h.inherited_fd;
	status = session_run(&config, &hello_service, &h);
	free(h.big);
	return status;
}
