/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/verbs.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/json.h"
#include "launcher/log_file.h"
#include "launcher/runtime.h"

struct logs_config {
	bool follow, timestamps, json, help;
	char *tail, *since;
};

#define FIELD(name) offsetof(struct logs_config, name)

static const struct opt rows[] = {
	{ "follow", 'f', OPT_FLAG, FIELD(follow), NULL, "go on until the container ends" },
	{ "tail", 'n', OPT_STRING, FIELD(tail), "N", "the last N lines only" },
	{ "since", 0, OPT_STRING, FIELD(since), "TIME",
	  "what was printed later: 2026-11-30T20:23:19Z, or 90s, 10m, 2h, 1d ago" },
	{ "timestamps", 't', OPT_FLAG, FIELD(timestamps), NULL, "print the time before each line" },
	{ "json", 0, OPT_FLAG, FIELD(json), NULL, "print one JSON object a line" },
	{ "help", 'h', OPT_FLAG, FIELD(help), NULL, "print this" },
};
static const struct opt_table table = OPT_TABLE(rows);

/* A line of the log: "TIME STREAM F|P TEXT\n". */
struct entry {
	const char *time, *stream, *text;
	size_t time_length, stream_length, text_length;
	bool whole;
};

struct logs {
	const struct logs_config *config;
	char since[40];
	int dir_fd;		/* where the log is */
	int fd;			/* the log that is written to */
	struct buf text;	/* read, not yet printed */
};

static bool parse_entry(const char *line, size_t length, struct entry *e)
{
	const char *end = line + length, *at = memchr(line, ' ', length);

	e->time = line;
	e->time_length = at ? (size_t)(at - line) : 0;
	e->stream = at ? at + 1 : NULL;
	at = at ? memchr(at + 1, ' ', (size_t)(end - at - 1)) : NULL;
	if (!at || end - at < 3 || at[2] != ' ')
		return false;
	e->stream_length = (size_t)(at - e->stream);
	e->whole = at[1] == 'F';
	e->text = at + 3;
	e->text_length = (size_t)(end - e->text);
	return true;
}

static void print_json_entry(const struct entry *e)
{
	cleanup_json struct json_object *o = json_object_new_object();

	json_object_object_add(o, "time", json_object_new_string_len(e->time, (int)e->time_length));
	json_object_object_add(o, "stream", json_object_new_string_len(e->stream,
								       (int)e->stream_length));
	json_object_object_add(o, "text", json_object_new_string_len(e->text,
								     (int)e->text_length));
	json_object_object_add(o, "whole", json_object_new_boolean(e->whole));
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
					       JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* Each stream to the one of ours that it was; what nacre said counts as an error. */
static void print_entry(const struct logs *l, const struct entry *e)
{
	FILE *out = e->stream_length == 6 && memcmp(e->stream, "stdout", 6) == 0 ? stdout : stderr;

	if (l->since[0] && strncmp(e->time, l->since, strlen(l->since)) < 0)
		return;
	if (l->config->json) {
		print_json_entry(e);
		return;
	}
	if (l->config->timestamps)
		fprintf(out, "%.*s ", (int)e->time_length, e->time);
	if (e->stream_length == 5 && memcmp(e->stream, "nacre", 5) == 0)
		fputs("nacre: ", out);
	fwrite(e->text, 1, e->text_length, out);
	if (e->whole)
		putc('\n', out);
	if (out == stderr)
		fflush(out);
}

/* Prints all lines that are there, and keeps the rest. */
static void print_read(struct logs *l)
{
	const char *text = buf_text(&l->text), *end = text + l->text.length, *newline;
	struct entry e;

	while ((newline = memchr(text, '\n', (size_t)(end - text)))) {
		if (parse_entry(text, (size_t)(newline - text), &e))
			print_entry(l, &e);
		text = newline + 1;
	}
	fflush(stdout);
	if (l->text.data) {
		l->text.length = (size_t)(end - text);
		memmove(l->text.data, text, l->text.length);
		l->text.data[l->text.length] = '\0';
	}
}

/* Leaves the last @count lines, whole ones and one that was begun. */
static void cut_to_tail(struct buf *b, unsigned long count)
{
	const char *start = buf_text(b), *at = start + b->length;
	unsigned long seen = 0;

	while (at > start) {
		const char *line = at - 1;
		struct entry e;

		while (line > start && line[-1] != '\n')
			line--;
		if (parse_entry(line, (size_t)(at - line), &e) && (e.whole || seen == 0) &&
		    seen++ == count)
			break;
		at = line;
	}
	if (b->data) {
		b->length -= (size_t)(at - start);
		memmove(b->data, at, b->length);
		b->data[b->length] = '\0';
	}
}

static int read_since(const char *text, char *since, size_t size, struct fault *f)
{
	static const struct { char letter; int seconds; } units[] = {
		{ 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 },
	};
	size_t length = strlen(text);
	size_t digits = strspn(text, "0123456789");
	struct tm tm;

	if (length >= 10 && text[4] == '-' && length < size) {
		snprintf(since, size, "%s", text);
		if (since[length - 1] == 'Z')
			since[length - 1] = '\0';
		return 0;
	}
	for (size_t i = 0; i < 4 && digits && digits < 10 && length == digits + 1; i++) {
		time_t then = time(NULL) - strtol(text, NULL, 10) * units[i].seconds;

		if (text[digits] == units[i].letter && gmtime_r(&then, &tm) &&
		    strftime(since, size, "%Y-%m-%dT%H:%M:%S", &tm))
			return 0;
	}
	return fault_set(f, 0, "option '--since': '%s' is no time\n"
			 "Use 2026-11-30T20:23:19Z, in UTC, or 90s, 10m, 2h, 1d.", text);
}

static int read_more(struct logs *l)
{
	return l->fd < 0 ? 0 : buf_read_fd(&l->text, l->fd);
}

static int open_logs(struct logs *l, const struct state *s, struct fault *f)
{
	cleanup_fd int old = -1;
	int r;

	if (!s->detached)
		return fault_set(f, 0, "container '%s' has no log: who started it has its output\n"
				 "Containers of 'nacre run --detach' have one.", s->id);
	l->dir_fd = neg_errno(open(s->scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (l->dir_fd < 0)
		return fault_set(f, l->dir_fd, "cannot open the log of '%s'", s->id);
	l->fd = neg_errno(openat(l->dir_fd, LOG_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
	if (l->fd < 0 && l->fd != -ENOENT)
		return fault_set(f, l->fd, "cannot open the log of '%s'", s->id);
	old = openat(l->dir_fd, LOG_FILE_OLD, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	r = old < 0 ? 0 : buf_read_fd(&l->text, old);
	if (r >= 0)
		r = read_more(l);
	return r < 0 ? fault_set(f, r, "cannot read the log of '%s'", s->id) : 0;
}

/* The log was given another name, and begun anew. */
static void look_for_new_log(struct logs *l)
{
	struct stat ours, there;
	int fd;

	if (fstatat(l->dir_fd, LOG_FILE, &there, AT_SYMLINK_NOFOLLOW) < 0 ||
	    (l->fd >= 0 && fstat(l->fd, &ours) == 0 && ours.st_ino == there.st_ino))
		return;
	fd = openat(l->dir_fd, LOG_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return;
	(void)read_more(l);
	cleanup_fd_(&l->fd);
	l->fd = fd;
	(void)read_more(l);
}

static int follow(struct logs *l, const struct state *s, struct fault *f)
{
	cleanup_fd int monitor = (int)syscall(SYS_pidfd_open, s->monitor, 0);
	cleanup_fd int events = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	bool ended = monitor < 0 || !state_monitor_is_alive(s);
	struct pollfd p[3] = {
		{ .fd = events, .events = POLLIN },
		{ .fd = monitor, .events = POLLIN },
		{ .fd = STDOUT_FILENO },	/* nobody reads any more */
	};
	char path[64], event[4096];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", l->dir_fd);
	if (events < 0 || inotify_add_watch(events, path, IN_MODIFY | IN_CREATE | IN_MOVE) < 0)
		return fault_set(f, -errno, "cannot follow the log of '%s'", s->id);
	for (;;) {
		int r = read_more(l);

		if (r < 0)
			return fault_set(f, r, "cannot read the log of '%s'", s->id);
		look_for_new_log(l);
		print_read(l);
		if (ended || ferror(stdout) || (p[2].revents & (POLLERR | POLLHUP)))
			return 0;
		if (poll(p, 3, -1) < 0 && errno != EINTR)
			return fault_set(f, -errno, "cannot follow the log of '%s'", s->id);
		while (read(events, event, sizeof(event)) > 0)
			;
		ended = p[1].revents;
	}
}

static int print_logs(const struct logs_config *config, const struct state *s, struct fault *f)
{
	struct logs l = { .config = config, .dir_fd = -1, .fd = -1 };
	int r = config->since ? read_since(config->since, l.since, sizeof(l.since), f) : 0;

	if (r >= 0 && config->tail &&
	    strspn(config->tail, "0123456789") != strlen(config->tail) &&
	    strcmp(config->tail, "all") != 0)
		r = fault_set(f, 0, "option '--tail': '%s' is no number of lines", config->tail);
	if (r >= 0)
		r = open_logs(&l, s, f);
	if (r >= 0 && config->tail && isdigit((unsigned char)config->tail[0]))
		cut_to_tail(&l.text, strtoul(config->tail, NULL, 10));
	if (r >= 0) {
		print_read(&l);
		r = config->follow ? follow(&l, s, f) : 0;
	}
	buf_done(&l.text);
	cleanup_fd_(&l.dir_fd);
	cleanup_fd_(&l.fd);
	return r;
}

int verb_logs(const struct globals *g, int argc, char **argv)
{
	struct logs_config config = { 0 };
	struct opt_list operands = { 0 };
	struct runtime r = RUNTIME_INIT;
	struct fault f = FAULT_INIT;
	int result = runtime_parse(&table, argc, argv, &config, &operands, 1, 1,
				   "nacre logs [OPTION]... ID", &config.help, &f);

	if (result == 0) {
		result = runtime_open(&r, g, operands.items[0], false, &f);
		if (result >= 0)
			result = print_logs(&config, r.state, &f);
	}
	runtime_close(&r);
	opt_config_done(&table, &config);
	opt_list_done(&operands);
	return result < 0 ? runtime_fail(g, &f, 1) : 0;
}
