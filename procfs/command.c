/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "procfs/command.h"

#include <errno.h>
#include <string.h>

#include "common/log.h"
#include "common/procfs_client.h"
#include "common/session.h"
#include "procfs/hook.h"
#include "procfs/profile.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct words {
	size_t count;
	char **items;		/* lent; without the verb */
};

static int usage(const char *text)
{
	log_error("%s\nSee nacre-procfs --help", text);
	return EXIT_USAGE;
}

/* Sends what is asked, prints what is answered. */
static int ask(const struct config *c, struct buf *request)
{
	cleanup_buf struct buf answer = BUF_INIT;
	int r = buf_error(request);

	if (r >= 0)
		r = procfs_call(config_socket(c), buf_text(request), &answer);
	if (r < 0) {
		log_error("%s", answer.length ? buf_text(&answer) : strerror(-r));
		return EXIT_FAILED;
	}
	if (answer.length)
		puts(buf_text(&answer));
	return 0;
}

static int add_line(struct buf *request, const char *key, const char *value)
{
	if (strchr(value, '\n'))
		return -EINVAL;
	buf_addf(request, "%s %s\n", key, value);
	return 0;
}

/* "PATH", for all hierarchies that have it, or "CONTROLLER:PATH". */
static int add_cgroup(struct buf *request, const char *text)
{
	const char *colon = *text == '/' ? NULL : strchr(text, ':');
	char key[64];

	if (!colon)
		return add_line(request, "cgroup", text);
	snprintf(key, sizeof(key), "cgroup.%.*s", (int)(colon - text), text);
	return add_line(request, key, colon + 1);
}

static int run_register(const struct config *c, const struct words *w)
{
	cleanup_buf struct buf request = BUF_INIT;
	int r = 0;

	buf_adds(&request, "register\n");
	if (!w->count || w->items[0][0] == '-')
		return usage("register needs an id: register ID --pid PID | --cgroup PATH...");
	if (add_line(&request, "id", w->items[0]) < 0)
		return usage("a container's id has one line");

	for (size_t i = 1; r >= 0 && i < w->count; i += 2) {
		const char *value = i + 1 < w->count ? w->items[i + 1] : NULL;

		if (!value)
			return usage("register: an option lacks its value");
		if (strcmp(w->items[i], "--pid") == 0)
			r = add_line(&request, "pid", value);
		else if (strcmp(w->items[i], "--cgroup") == 0)
			r = add_cgroup(&request, value);
		else
			return usage("register knows --pid PID and --cgroup [CONTROLLER:]PATH");
	}
	if (r < 0 || w->count < 3)
		return usage("register needs --pid PID or --cgroup PATH, each on one line");
	return ask(c, &request);
}

static int run_unregister(const struct config *c, const struct words *w)
{
	cleanup_buf struct buf request = BUF_INIT;

	buf_adds(&request, "unregister\n");
	if (w->count != 1 || add_line(&request, "id", w->items[0]) < 0)
		return usage("unregister needs one id");
	return ask(c, &request);
}

static int run_list(const struct config *c, const struct words *w)
{
	cleanup_buf struct buf request = BUF_INIT;

	if (w->count > 1 || (w->count && strcmp(w->items[0], "--all") != 0))
		return usage("list knows --all only");
	buf_addf(&request, "list\n%s", w->count ? "all yes\n" : "");
	return ask(c, &request);
}

static int run_explain(const struct config *c, const struct words *w)
{
	cleanup_buf struct buf request = BUF_INIT;

	buf_adds(&request, "explain\n");
	if (w->count < 2 || w->count > 3)
		return usage("explain needs an id and a file: explain ID /proc/meminfo [MemTotal]");
	if (add_line(&request, "id", w->items[0]) < 0 ||
	    add_line(&request, "file", w->items[1]) < 0 ||
	    (w->count == 3 && add_line(&request, "field", w->items[2]) < 0))
		return usage("explain: ids, files and fields have one line");
	return ask(c, &request);
}

static int run_stats(const struct config *c, const struct words *w)
{
	cleanup_buf struct buf request = BUF_INIT;

	buf_adds(&request, "stats\n");
	if (w->count > 1 || (w->count && strncmp(w->items[0], "--", 2) != 0))
		return usage("stats knows --text, --json and --prometheus");
	if (w->count && add_line(&request, "format", w->items[0] + 2) < 0)
		return usage("stats: a format has one line");
	return ask(c, &request);
}

static int run_hook(const struct config *c, const struct words *w)
{
	return w->count ? usage("hook takes no arguments: the state is on standard input")
			: hook_run(c);
}

static int run_profile(const struct config *c, const struct words *w)
{
	return w->count > 1 ? usage("profile knows one file")
			    : profile_print(c, w->count ? w->items[0] : NULL);
}

/* The holder is asked, not the worker: it is the worker that is replaced. */
static int run_upgrade(const struct config *c, const struct words *w)
{
	if (w->count > 1)
		return usage("upgrade knows one mountpoint");
	if (w->count == 0 || strcmp(w->items[0], "--all") == 0)
		return session_upgrade(NULL, "nacre-procfs");
	return session_upgrade(w->items[0], "nacre-procfs");
}

static const struct {
	const char *name, *arguments, *help;
	int (*run)(const struct config *c, const struct words *w);
} verbs[] = {
	{ "register", "ID --pid PID | --cgroup [CONTROLLER:]PATH ...",
	  "give a container a view of its own; prints its directory", run_register },
	{ "unregister", "ID", "end that view", run_unregister },
	{ "list", "[--all]", "registered containers: id, init, cgroup", run_list },
	{ "explain", "ID FILE [FIELD]",
	  "print what a file's figures are made of", run_explain },
	{ "upgrade", "[MOUNTPOINT|--all]",
	  "let the installed program serve that mount, or all", run_upgrade },
	{ "hook", "", "be an OCI createContainer hook", run_hook },
	{ "profile", "[FILE|-]",
	  "print a seccomp profile (default: podman's) that has sysinfo(2) answered",
	  run_profile },
	{ "stats", "[--text|--json|--prometheus]", "what the daemon did", run_stats },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

bool command_is_verb(const char *word)
{
	for (size_t i = 0; i < COUNT(verbs); i++)
		if (strcmp(verbs[i].name, word) == 0)
			return true;
	return false;
}

int command_run(const struct config *c, size_t count, char **words)
{
	const struct words w = { count - 1, words + 1 };

	for (size_t i = 0; i < COUNT(verbs); i++)
		if (strcmp(verbs[i].name, words[0]) == 0)
			return verbs[i].run(c, &w);
	return EXIT_USAGE;
}

void command_print_help(FILE *out)
{
	fputs("\nTo a running daemon:\n", out);
	for (size_t i = 0; i < COUNT(verbs); i++)
		fprintf(out, "  %s %s\n      %s\n", verbs[i].name, verbs[i].arguments,
			verbs[i].help);
}
