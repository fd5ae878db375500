/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "unionfs/fsck.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/errors.h"
#include "common/log.h"
#include "unionfs/fsck_impl.h"
#include "unionfs/layers.h"
#include "unionfs/union.h"
#include "unionfs/workdir.h"

#define PASSES_MAX 8

int fsck_names(int dir_fd, int (*visit)(void *arg, const char *name), void *arg)
{
	cleanup_fd int fd = neg_errno(openat(dir_fd, ".", O_RDONLY | O_DIRECTORY |
							  O_CLOEXEC));
	cleanup_dir DIR *dir = NULL;
	cleanup_buf struct buf names = BUF_INIT;
	struct dirent *entry;
	int r = 0;

	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir)
		return -errno;
	take_fd(&fd);
	/* All of them first: mending changes the directory. */
	while ((errno = 0, entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			buf_add(&names, entry->d_name, strlen(entry->d_name) + 1);
	if (errno)
		return -errno;
	if (buf_error(&names))
		return buf_error(&names);
	closedir(dir);
	dir = NULL;

	for (size_t at = 0; r >= 0 && at < names.length;
	     at += strlen(names.data + at) + 1)
		r = visit(arg, names.data + at);
	return r < 0 ? r : 0;
}

/* ---- saying it ---- */

/* One line each, whatever the names hold. */
static void print_path(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == '\\' || *text == 127)
			printf("\\%03o", (unsigned char)*text);
		else
			putchar(*text);
}

static void print_finding(const struct finding *finding)
{
	print_path(finding->where);
	if (!*finding->where && !*finding->name)
		putchar('.');
	if (*finding->where && *finding->name)
		putchar('/');
	print_path(finding->name);
	printf(": %s", finding_text(finding->kind));
}

static void print_outcome(const struct finding *finding, int r, const char *done)
{
	print_finding(finding);
	if (r < 0)
		printf(": cannot be mended: %s\n", strerror(-r));
	else if (done)
		printf("%s%s\n", r > 0 ? ": " : "; ", done);
	else
		putchar('\n');
}

static int take(struct fsck *f, const struct finding *finding)
{
	const char *done = NULL;
	int r = 0;

	if (f->repairs)
		r = fsck_mend(f, finding, &done);
	/* What is left was said the first time. */
	if (r > 0 || f->passes == 0)
		print_outcome(finding, r, done);
	if (r > 0)
		f->mended++;
	else
		f->left++;
	/* What cannot be written will not be written elsewhere either. */
	return r == -EROFS || r == -EIO || r == -ENOSPC || r == -EDQUOT ? r : 0;
}

/* ---- getting hold of it ---- */

static int open_lowers(struct fsck *f, struct layers *ret)
{
	struct options options = *f->options;
	struct opt_error error = { "" };
	int r;

	options.upperdir = options.workdir = NULL;
	options.read_only = true;
	r = layers_open(&options, ret, &error);
	if (r < 0)
		log_error("%s", error.text);
	return r;
}

static int take_layers(struct fsck *f, struct layers *l)
{
	struct unionfs *u = calloc(1, sizeof(*u));
	size_t count = l->lower_count + l->data_count;

	f->layers = u;
	if (u)
		u->layers = calloc(1 + count, sizeof(*u->layers));
	if (!u || !u->layers)
		return -ENOMEM;
	u->ns = f->ns;
	u->options = f->options;
	u->opened = *l;
	*l = (struct layers){ 0 };
	u->layer_count = 1 + count;
	u->merged_count = 1 + u->opened.lower_count;
	u->layers[LAYER_TOP] = f->upper;
	for (size_t i = 0; i < count; i++)
		u->layers[1 + i] = u->opened.lowers[i];
	return 0;
}

static int say(int r, const char *option, const char *path)
{
	if (r == -EBUSY)
		log_error("%s '%s' is in use by a union\nUnmount it first.", option, path);
	else
		log_error("%s '%s' cannot be opened: %s\nCorrect this and try again.",
			  option, path, strerror(-r));
	return r;
}

static int open_upper(struct fsck *f)
{
	const char *path = f->options->upperdir;
	struct layer_traits traits;
	int r = layer_open(path, LAYER_UPPER, &f->upper);

	if (r < 0)
		return say(r, "upperdir", path);
	if (f->options->uuid == SWITCH_OFF) {
		traits = *layer_traits(f->upper);
		memset(traits.uuid, 0, sizeof(traits.uuid));
		layer_set_traits(f->upper, &traits);
	}
	if (flock(layer_root_fd(f->upper), LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return say(-EBUSY, "upperdir", path);
	if (fsck_kernel_uses(layer_root_fd(f->upper)))
		return say(-EBUSY, "upperdir", path);
	return 0;
}

/* -1 where there is none: it was never mounted. */
static int open_inside(int parent_fd, const char *name)
{
	int fd = workdir_open_private(parent_fd, name);

	return fd == -ENOENT ? -1 : fd;
}

static int open_work(struct fsck *f)
{
	const char *path = f->options->workdir;

	f->parent_fd = neg_errno(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (f->parent_fd < 0)
		return say(f->parent_fd, "workdir", path);
	if (flock(f->parent_fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return say(-EBUSY, "workdir", path);
	f->work_fd = open_inside(f->parent_fd, "work");
	if (f->work_fd < -1)
		return say(f->work_fd, "workdir", path);
	if (f->options->index != SWITCH_OFF)
		f->index_fd = open_inside(f->parent_fd, "index");
	if (f->index_fd < -1)
		return say(f->index_fd, "workdir", path);
	return 0;
}

static int open_all(struct fsck *f)
{
	struct layers lowers = { 0 };
	int r = open_upper(f);

	if (r == 0)
		r = open_work(f);
	if (r == 0)
		r = open_lowers(f, &lowers);
	if (r == 0)
		r = take_layers(f, &lowers);
	layers_close(&lowers);
	return r;
}

static void close_all(struct fsck *f)
{
	const int fds[] = { f->index_fd, f->work_fd, f->parent_fd };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (f->layers) {
		layers_close(&f->layers->opened);
		free(f->layers->layers);
		free(f->layers);
	}
	layer_close(f->upper);
}

/* ---- the whole ---- */

static int search_once(struct fsck *f)
{
	int r;

	f->left = 0;
	r = fsck_find_root(f);
	if (r >= 0)
		r = fsck_find_index(f);
	if (r >= 0)
		r = fsck_find_tree(f);
	if (r >= 0)
		r = fsck_find_work(f);
	fsck_claims_done(f);
	f->passes++;
	return r;
}

/* Again after mending: where a directory was made opaque, whiteouts have nothing to
 * hide any more. */
static int search(struct fsck *f)
{
	unsigned before;
	int r;

	do {
		before = f->mended;
		r = search_once(f);
	} while (r >= 0 && f->mended > before && f->passes < PASSES_MAX);
	if (f->mended > before)
		f->left++;		/* who knows for how long */
	if (r >= 0 && f->mended > 0)
		r = neg_errno(syncfs(layer_root_fd(f->upper)));
	return r;
}

static int check(const struct options *options, bool repairs)
{
	struct fsck f = {
		.options = options,
		.ns = options_ns(options),
		.parent_fd = -1,
		.work_fd = -1,
		.index_fd = -1,
		.take = take,
		.repairs = repairs,
	};
	int status = FSCK_FAILED;
	int r = open_all(&f);

	if (r == 0) {
		r = search(&f);
		if (r < 0)
			log_error("'%s' could not be checked to the end: %s\nCorrect this and try again.",
				  options->upperdir, strerror(-r));
	}
	if (r == 0) {
		status = (f.mended ? FSCK_MENDED : 0) | (f.left ? FSCK_LEFT : 0);
		if (f.mended + f.left > 0)
			printf("%u found, %u mended\n", f.mended + f.left, f.mended);
	}
	close_all(&f);
	return fflush(stdout) == 0 ? status : FSCK_FAILED;
}

static int usage_error(const char *text)
{
	log_error("%s", text);
	return FSCK_USAGE;
}

static void print_help(void)
{
	printf("Usage: %s fsck [--repair] -o lowerdir=DIR[:DIR...],upperdir=DIR,workdir=DIR[,OPTION...]\n"
	       "Look for what is wrong in the upper layer of a union that is not mounted.\n\n"
	       "The options are those that it is mounted with.\n"
	       "  --repair  put it right\n\n"
	       "Exit status: 0 nothing is wrong, 1 mended, 4 something is wrong, 8 could not look.\n",
	       log_program());
}

static void ignored(const char *option)
{
	log_warn("unknown option '%s', ignoring", option);
}

int fsck_main(int argc, char **argv)
{
	static char nowhere[] = "nowhere";	/* the options want a mount point */
	cleanup_free char **words = calloc(argc + 1, sizeof(*words));
	struct opt_error error = { "" };
	struct options options;
	bool repairs = false;
	int n = 0, status;

	if (!words)
		return FSCK_FAILED;
	for (int i = 0; i < argc; i++)
		if (strcmp(argv[i], "--repair") == 0)
			repairs = true;
		else
			words[n++] = argv[i];
	words[n++] = nowhere;

	options_init(&options);
	if (options_parse(&options, n, words, ignored, &error) < 0) {
		status = usage_error(error.text);
	} else if (options.help) {
		print_help();
		status = FSCK_CLEAN;
	} else if (!options.upperdir) {
		status = usage_error("no upperdir given\nOnly an upper layer is checked: -o lowerdir=DIR,upperdir=DIR,workdir=DIR.");
	} else if (strcmp(options.mountpoint, nowhere) != 0) {
		status = usage_error("fsck takes no directory but those behind -o\nLeave the others out.");
	} else {
		status = check(&options, repairs);
	}
	options_done(&options);
	return status;
}
