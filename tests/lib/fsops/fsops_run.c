/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a list, running it line by line. */
#include "config.h"

#include "tests/lib/fsops/fsops.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"

static const struct verb *const verb_tables[] = {
	fsops_name_verbs, fsops_file_verbs, fsops_attr_verbs, fsops_xattr_verbs,
	fsops_misc_verbs, fsops_rare_verbs,
};

static const struct { const char *name; int flag; } open_flags[] = {
	{ "rdonly", O_RDONLY },	      { "wronly", O_WRONLY },
	{ "rdwr", O_RDWR },	      { "creat", O_CREAT },
	{ "excl", O_EXCL },	      { "trunc", O_TRUNC },
	{ "append", O_APPEND },	      { "nofollow", O_NOFOLLOW },
	{ "directory", O_DIRECTORY }, { "path", O_PATH },
	{ "tmpfile", O_TMPFILE },     { "nonblock", O_NONBLOCK },
	{ "sync", O_SYNC },	      { "noatime", O_NOATIME },
};

long neg(long rc)
{
	return rc < 0 ? -errno : rc;
}

void show(struct fsops *ops, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vfprintf(ops->detail_out, format, list);
	va_end(list);
}

long parse_flags(const char *text)
{
	int flags = O_CLOEXEC;
	size_t i, length;

	while (*text) {
		length = strcspn(text, "|");
		for (i = 0; i < sizeof(open_flags) / sizeof(*open_flags); i++)
			if (strlen(open_flags[i].name) == length &&
			    !strncmp(text, open_flags[i].name, length))
				break;
		if (i == sizeof(open_flags) / sizeof(*open_flags))
			return -1;
		flags |= open_flags[i].flag;
		text += length + (text[length] == '|');
	}
	return flags;
}

static const struct verb *find_verb(const char *name)
{
	const struct verb *verb;
	size_t i;

	for (i = 0; i < sizeof(verb_tables) / sizeof(*verb_tables); i++)
		for (verb = verb_tables[i]; verb->name; verb++)
			if (!strcmp(verb->name, name))
				return verb;
	return NULL;
}

/* \n, \\, \s (a blank), \xHH; and \* N BYTE-free repeats: \RNxC is C N times. */
static char *unescape_repeat(const char **in, char *out)
{
	char *end;
	long n = strtol(*in, &end, 10);

	if (*end != 'x' || !end[1])
		return out;
	memset(out, end[1], (size_t)n);
	*in = end + 2;
	return out + n;
}

static char *unescape(const char *in)
{
	char *text = malloc(strlen(in) + 5000), *out = text;
	char hex[3] = "";

	while (text && *in) {
		char c = *in++;

		if (c != '\\') {
			*out++ = c;
			continue;
		}
		c = *in ? *in++ : '\\';
		if (c == 'x' && isxdigit((unsigned char)in[0]) &&
		    isxdigit((unsigned char)in[1])) {
			memcpy(hex, in, 2);
			*out++ = (char)strtol(hex, NULL, 16);
			in += 2;
		} else if (c == 'R') {
			out = unescape_repeat(&in, out);
		} else {
			*out++ = c == 'n' ? '\n' : c == 's' ? ' ' : c;
		}
	}
	if (text)
		*out = '\0';
	return text;
}

static bool parse_number(const char *text, int base, long min, long max, long *ret)
{
	char *end;

	*ret = strtol(text, &end, base);
	return end != text && !*end && *ret >= min && *ret <= max;
}

static bool parse_arg(char kind, char *word, struct arg *a)
{
	a->text = word;
	switch (kind) {
	case 's':
		return parse_number(word, 10, 0, FSOPS_SLOTS - 1, &a->number);
	case 'n':
		return parse_number(word, 0, INT64_MIN, INT64_MAX, &a->number);
	case 'm':
		return parse_number(word, 8, 0, 07777, &a->number);
	case 'u':
		return parse_number(word, 10, -1, INT32_MAX, &a->number);
	case 'f':
		a->number = parse_flags(word);
		return a->number >= 0;
	default:
		return true;
	}
}

/* Splits @line; false if it does not fit @verb. The texts are to be freed. */
static bool parse_args(const struct verb *verb, char *rest, struct arg *a, char **texts)
{
	const char *kind = verb->kinds;
	bool optional = false;
	char *word, *save;
	int n = 0;

	for (word = strtok_r(rest, " \t", &save); word; word = strtok_r(NULL, " \t", &save)) {
		if (*kind == '?') {
			optional = true;
			kind++;
		}
		if (!*kind)
			return false;
		texts[n] = unescape(word);
		if (!texts[n] || !parse_arg(*kind, texts[n], &a[n]))
			return false;
		n++;
		kind++;
	}
	for (; n < FSOPS_MAX_ARG; n++)
		a[n] = (struct arg){ .text = "" };
	return optional || !*kind || *kind == '?';
}

static void print_result(struct fsops *ops, unsigned number, const char *line, long rc)
{
	printf("%u %s -> ", number, line);
	if (rc >= 0)
		printf("%ld", rc);
	else
		printf("%s", strerrorname_np((int)-rc));
	printf("%s%s\n", ops->detail_size ? " " : "", ops->detail);
	fflush(stdout);
}

static bool run_verb(struct fsops *ops, const struct verb *verb, const struct arg *args,
		     unsigned number, const char *line)
{
	long rc;

	ops->detail_out = open_memstream(&ops->detail, &ops->detail_size);
	if (!ops->detail_out)
		return false;
	rc = verb->run(ops, args);
	fclose(ops->detail_out);
	print_result(ops, number, line, rc);
	free(ops->detail);
	return true;
}

static bool run_line(struct fsops *ops, unsigned number, const char *line)
{
	char *texts[FSOPS_MAX_ARG + 1] = { 0 };
	struct arg args[FSOPS_MAX_ARG + 1];
	cleanup_free char *copy = strdup(line);
	const struct verb *verb;
	char *rest = copy;
	bool ok;
	size_t i;

	if (!copy)
		return false;
	verb = find_verb(strsep(&rest, " \t"));
	ok = verb && parse_args(verb, rest ? rest : (char[]){ "" }, args, texts);
	if (ok)
		ok = run_verb(ops, verb, args, number, line);
	else
		fprintf(stderr, "fsops: line %u is not an operation: %s\n", number, line);
	for (i = 0; i < FSOPS_MAX_ARG; i++)
		free(texts[i]);
	return ok;
}

static bool run_lines(struct fsops *ops, FILE *in)
{
	cleanup_free char *line = NULL;
	unsigned number = 0;
	size_t size = 0;
	ssize_t length;

	while ((length = getline(&line, &size, in)) > 0) {
		number++;
		if (line[length - 1] == '\n')
			line[--length] = '\0';
		if (!length || line[0] == '#')
			continue;
		if (!run_line(ops, number, line))
			return false;
	}
	return true;
}

bool fsops_run(FILE *in)
{
	struct fsops ops = { 0 };
	bool ok;
	int i;

	for (i = 0; i < FSOPS_SLOTS; i++)
		ops.fds[i] = -1;
	umask(022);
	signal(SIGPIPE, SIG_IGN);	/* a fifo without readers: the list goes on */
	ok = run_lines(&ops, in);
	for (i = 0; i < FSOPS_SLOTS; i++)
		if (ops.fds[i] >= 0)
			close(ops.fds[i]);
	/* The leak check at the end wants to look into itself. */
	return setresuid((uid_t)-1, getuid(), (uid_t)-1) == 0 && ok;
}
