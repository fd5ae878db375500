/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/lib/cutload - changes that are synced one by one, and what must be left of them
 *
 *	cutload layer DIRECTORY		what the lower layer holds
 *	cutload run DIRECTORY MARK SEED COUNT	change; after each, write its number to MARK
 *	cutload check DIRECTORY SEED DONE	what is there after DONE changes, of which the
 *						next may have begun
 *
 * Every change ends with fsync(2) of what it changed, the directories too, so a cut
 * leaves at most the one that was under way in doubt, and that as it says at allowed[].
 * The changes follow from the seed alone, so the checker needs no list of them.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRS	    6
#define FILES	    48
#define LOWER_FILES 36
#define SIZE_MAX_   20000

struct file {
	bool exists;
	unsigned dir, version, size, mode;
};

struct world {
	unsigned dir_name[DIRS];	/* "d0", and "r7" once renamed by change 7 */
	struct file files[FILES];	/* "f0" and so on */
	uint64_t random;
};

static void die(const char *what)
{
	fprintf(stderr, "cutload: %s: %m\n", what);
	exit(EXIT_FAILURE);
}

static unsigned pick(struct world *w, unsigned below)
{
	w->random = w->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (w->random >> 33) % below;
}

static unsigned char byte_of(unsigned id, unsigned version, unsigned i)
{
	return 1 + (id * 31 + version * 57 + i / 16 * 13 + i % 16) % 255;
}

static unsigned lower_size(unsigned id)
{
	return id % 5 == 0 ? SIZE_MAX_ : 100 + id * 97;
}

static void world_init(struct world *w, uint64_t seed)
{
	*w = (struct world){ .random = seed };
	for (unsigned id = 0; id < LOWER_FILES; id++)
		w->files[id] = (struct file){ true, id % DIRS, 0, lower_size(id), 0644 };
}

static void dir_path(const struct world *w, unsigned dir, char *path)
{
	if (w->dir_name[dir])
		sprintf(path, "r%u", w->dir_name[dir]);
	else
		sprintf(path, "d%u", dir);
}

static void file_path(const struct world *w, unsigned id, unsigned dir, char *path)
{
	dir_path(w, dir, path);
	sprintf(path + strlen(path), "/f%u", id);
}

/* ---- the changes ---- */

enum kind { WRITE, SHRINK, CREATE, REPLACE, REMOVE, MOVE, CHMOD, MOVE_DIR, KINDS };

struct change {
	enum kind kind;
	unsigned number, id, dir;	/* dir: the one that is moved, or to which */
	struct file before, after;
};

/* What comes next; the world is as it was. */
static struct change decide(struct world *w, unsigned number)
{
	struct change c = { .kind = pick(w, KINDS), .number = number };
	bool wants = c.kind != CREATE;

	c.id = pick(w, FILES);
	c.dir = pick(w, DIRS);
	/* A file that is there, or for CREATE one that is not, if there is such a one. */
	for (unsigned i = 0; i < FILES && w->files[c.id].exists != wants; i++)
		c.id = (c.id + 1) % FILES;
	if (w->files[c.id].exists != wants)
		c.kind = MOVE_DIR;
	c.before = c.after = w->files[c.id];
	switch (c.kind) {
	case WRITE:
		c.after.version = number;
		break;
	case SHRINK:
		c.after.size /= 2;
		break;
	case CREATE:
		c.after = (struct file){ true, c.dir, number, 1 + pick(w, SIZE_MAX_), 0644 };
		break;
	case REPLACE:
		c.after.version = number;
		c.after.size = 1 + pick(w, SIZE_MAX_);
		c.after.mode = 0644;
		break;
	case REMOVE:
		c.after.exists = false;
		break;
	case MOVE:
		c.after.dir = c.dir;
		break;
	case CHMOD:
		c.after.mode = 0600 + pick(w, 0100);
		break;
	default:
		break;
	}
	return c;
}

static void apply(struct world *w, const struct change *c)
{
	if (c->kind == MOVE_DIR)
		w->dir_name[c->dir] = c->number;
	else
		w->files[c->id] = c->after;
}

static void sync_path(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		die(path);
	close(fd);
}

static void put(const char *path, int flags, unsigned id, unsigned version, unsigned size)
{
	static unsigned char bytes[SIZE_MAX_];
	int fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0644);

	for (unsigned i = 0; i < size; i++)
		bytes[i] = byte_of(id, version, i);
	if (fd < 0 || write(fd, bytes, size) != (ssize_t)size || fsync(fd) < 0)
		die(path);
	close(fd);
}

static void shrink(const char *path, unsigned size)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || ftruncate(fd, size) < 0 || fsync(fd) < 0)
		die(path);
	close(fd);
}

static void change_mode(const char *path, unsigned mode)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fchmod(fd, mode) < 0 || fsync(fd) < 0)
		die(path);
	close(fd);
}

static void move_dir(const struct world *w, const struct change *c)
{
	char from[64], to[64];

	dir_path(w, c->dir, from);
	sprintf(to, "r%u", c->number);
	if (rename(from, to) < 0)
		die(from);
	sync_path(".");
	sync_path(to);
}

static void carry_out(const struct world *w, const struct change *c)
{
	char path[64], dir[64], to[64], to_dir[64];

	file_path(w, c->id, c->kind == CREATE ? c->dir : c->before.dir, path);
	dir_path(w, c->kind == CREATE ? c->dir : c->before.dir, dir);
	file_path(w, c->id, c->dir, to);
	dir_path(w, c->dir, to_dir);
	switch (c->kind) {
	case WRITE:
		put(path, 0, c->id, c->after.version, c->after.size);
		break;
	case SHRINK:
		shrink(path, c->after.size);
		break;
	case CREATE:
		put(path, O_CREAT | O_EXCL, c->id, c->after.version, c->after.size);
		sync_path(dir);
		break;
	case REPLACE:
		put("temp", O_CREAT | O_TRUNC, c->id, c->after.version, c->after.size);
		if (rename("temp", path) < 0)
			die(path);
		sync_path(dir);
		sync_path(".");
		break;
	case REMOVE:
		if (unlink(path) < 0)
			die(path);
		sync_path(dir);
		break;
	case MOVE:
		if (rename(path, to) < 0)
			die(path);
		sync_path(dir);
		sync_path(to_dir);
		break;
	case CHMOD:
		change_mode(path, c->after.mode);
		break;
	default:
		move_dir(w, c);
		break;
	}
}

static int run(const char *mark, uint64_t seed, unsigned count)
{
	int fd = open(mark, O_WRONLY | O_CLOEXEC);
	struct world w;
	char text[16];

	if (fd < 0)
		die(mark);
	world_init(&w, seed);
	for (unsigned i = 1; i <= count; i++) {
		struct change c = decide(&w, i);

		carry_out(&w, &c);
		apply(&w, &c);
		sprintf(text, "%u", i);
		if (pwrite(fd, text, strlen(text), 0) != (ssize_t)strlen(text))
			die(mark);
	}
	return EXIT_SUCCESS;
}

/* ---- what must be there ---- */

static const char *wrong;	/* why a file is not what was asked for */
static char why[64];

static bool bytes_are(int fd, unsigned id, const struct file *f, const struct file *or_of)
{
	static unsigned char bytes[SIZE_MAX_ + 1];
	ssize_t n = read(fd, bytes, sizeof(bytes));

	if (n != (ssize_t)f->size) {
		snprintf(why, sizeof(why), "size %zd instead of %u", n, f->size);
		wrong = why;
		return false;
	}
	for (unsigned i = 0; i < f->size; i++)
		if (bytes[i] != byte_of(id, f->version, i) &&
		    !(or_of && (or_of->exists ? bytes[i] == byte_of(id, or_of->version, i)
					      : bytes[i] == 0))) {
			wrong = "content";
			return false;
		}
	return true;
}

/* Is the file there as @f says; its bytes may also be those of @or_of. */
static bool is_there(const struct world *w, unsigned id, const struct file *f,
		     const struct file *or_of)
{
	char path[64];
	struct stat st;
	bool is;
	int fd;

	file_path(w, id, f->dir, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (!f->exists || fd < 0) {
		is = !f->exists && fd < 0 && errno == ENOENT;
		wrong = f->exists ? strerror(errno) : "it is there";
		if (fd >= 0)
			close(fd);
		return is;
	}
	is = bytes_are(fd, id, f, or_of);
	if (fstat(fd, &st) < 0 || (st.st_mode & 07777) != f->mode) {
		wrong = "mode";
		is = false;
	}
	close(fd);
	return is;
}

/* A file that was being made has some of its bytes, and no others. */
static bool is_begun(const struct world *w, const struct change *c)
{
	struct file f = c->after;
	char path[64];
	struct stat st;

	file_path(w, c->id, f.dir, path);
	if (stat(path, &st) < 0)
		return errno == ENOENT;
	if (st.st_size > f.size)
		return false;
	f.size = st.st_size;
	return is_there(w, c->id, &f, &c->before);
}

/* The one that was under way. */
static bool is_allowed(const struct world *w, const struct change *c)
{
	switch (c->kind) {
	case WRITE:
		return is_there(w, c->id, &c->after, &c->before);
	case CREATE:
		return is_begun(w, c);
	case MOVE:
		/* In one place, and in one only. */
		if (c->before.dir != c->after.dir) {
			struct file gone = c->before, also = c->after;

			gone.exists = also.exists = false;
			return (is_there(w, c->id, &c->before, NULL) &&
				is_there(w, c->id, &also, NULL)) ||
			       (is_there(w, c->id, &c->after, NULL) &&
				is_there(w, c->id, &gone, NULL));
		}
		return is_there(w, c->id, &c->before, NULL);
	case SHRINK:
		/* ext4 may have cleared what goes of the last block before the size is new. */
		return is_there(w, c->id, &c->after, NULL) ||
		       is_there(w, c->id, &c->before, &(struct file){ 0 });
	default:
		return is_there(w, c->id, &c->after, NULL) ||
		       is_there(w, c->id, &c->before, NULL);
	}
}

/* Names of a directory; -1 if it is not there. "temp" is the work of REPLACE. */
static int names_in(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	int n = 0;

	if (!dir)
		return -1;
	while ((e = readdir(dir)))
		n += e->d_name[0] != '.' && strcmp(e->d_name, "temp") != 0;
	closedir(dir);
	return n;
}

static const char *const kind_names[KINDS] = {
	"write", "shrink", "create", "replace", "remove", "move", "chmod", "move directory",
};

static int complain(const struct change *next, const char *what, const char *reason)
{
	fprintf(stderr, "after %u changes, during '%s' of f%u: %s: %s\n", next->number - 1,
		kind_names[next->kind], next->id, what, reason);
	return EXIT_FAILURE;
}

static int check_dirs(const struct world *w, const struct change *c)
{
	for (unsigned d = 0; d < DIRS; d++) {
		int n, expected = 0;
		char path[64];

		dir_path(w, d, path);
		n = names_in(path);
		for (unsigned id = 0; id < FILES; id++)
			expected += w->files[id].exists && w->files[id].dir == d;
		if (n != expected && !(c->kind != MOVE_DIR && abs(n - expected) == 1 &&
				       (c->after.dir == d || c->before.dir == d)))
			return complain(c, path, n < 0 ? "it is not there" :
							   "it has more or fewer names");
	}
	if (names_in(".") != DIRS)
		return complain(c, ".", "it has more or fewer names");
	return EXIT_SUCCESS;
}

static int check(uint64_t seed, unsigned done)
{
	struct change next;
	struct world w;
	char path[64];

	world_init(&w, seed);
	for (unsigned i = 1; i <= done; i++) {
		struct change c = decide(&w, i);

		apply(&w, &c);
	}
	next = decide(&w, done + 1);
	if (next.kind == MOVE_DIR) {
		dir_path(&w, next.dir, path);
		if (access(path, F_OK) < 0)
			apply(&w, &next);
	}
	for (unsigned id = 0; id < FILES; id++) {
		bool ok = next.kind != MOVE_DIR && id == next.id ?
				  is_allowed(&w, &next) :
				  is_there(&w, id, &w.files[id], NULL);

		file_path(&w, id, w.files[id].dir, path);
		if (!ok)
			return complain(&next, path, wrong);
	}
	return check_dirs(&w, &next);
}

static int make_layer(void)
{
	struct world w;
	char path[64];

	world_init(&w, 0);
	for (unsigned d = 0; d < DIRS; d++) {
		dir_path(&w, d, path);
		if (mkdir(path, 0755) < 0)
			die(path);
	}
	for (unsigned id = 0; id < LOWER_FILES; id++) {
		file_path(&w, id, w.files[id].dir, path);
		put(path, O_CREAT | O_EXCL, id, 0, w.files[id].size);
	}
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";

	if (!*what || chdir(argv[2]) < 0)
		die("arguments");
	if (strcmp(what, "layer") == 0)
		return make_layer();
	if (strcmp(what, "run") == 0 && argc == 6)
		return run(argv[3], strtoull(argv[4], NULL, 10), atoi(argv[5]));
	if (strcmp(what, "check") == 0 && argc == 5)
		return check(strtoull(argv[3], NULL, 10), atoi(argv[4]));
	die("arguments");
}
