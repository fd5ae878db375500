/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher/image_obtain.c - an image by name, or from a file by way of nacre-image
 *
 * The import runs in a process of its own: it links what takes long to load,
 * and it reads what may be hostile.
 */
#include "config.h"
#include "launcher/image_store.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/daemon.h"
#include "launcher/image_store_impl.h"

extern char **environ;

static int start(const char *program, const struct image_store *s, const char *path, int out,
		 pid_t *ret_pid)
{
	const char *const argv[] = { "nacre-image", "--store", s->path, "import", "--", path, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none;
	int r;

	/* nacre blocks signals; what it starts must not. */
	sigemptyset(&none);
	if (posix_spawn_file_actions_init(&actions))
		return -ENOMEM;
	if (posix_spawnattr_init(&attributes)) {
		posix_spawn_file_actions_destroy(&actions);
		return -ENOMEM;
	}
	r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (!r)
		r = posix_spawnattr_setsigmask(&attributes, &none);
	if (!r)
		r = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	if (!r)
		r = posix_spawn(ret_pid, program, &actions, &attributes,
				(char *const *)argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

static int run_import(const struct image_store *s, const char *path, struct buf *text,
		      struct fault *f)
{
	cleanup_free char *program = daemon_find("nacre-image");
	cleanup_fd int reader = -1;
	int ends[2], status;
	pid_t pid;
	int r;

	if (!program)
		return fault_set(f, -ENOENT, "cannot find nacre-image, which imports images\n"
				 "Install it, or name its directory in NACRE_BINDIR.");
	if (pipe2(ends, O_CLOEXEC) < 0)
		return fault_set(f, -errno, "cannot start nacre-image");
	reader = ends[0];
	r = start(program, s, path, ends[1], &pid);
	close(ends[1]);
	if (r < 0)
		return fault_set(f, r, "cannot start '%s'", program);

	r = buf_read_fd(text, reader);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r < 0)
		return fault_set(f, r, "cannot read what nacre-image says");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return fault_set(f, 0, "the image '%s' could not be imported", path);
	return 0;
}

/* Lines of "NAME ID"; the id stays right even if the name moves on meanwhile. */
static int only_id(char *text, const char *path, const char **ret_id, struct fault *f)
{
	char *end = strchr(text, '\n');
	char *space = strchr(text, ' ');

	if (!end || !space || space > end)
		return fault_set(f, 0, "nacre-image did not say what it imported");
	if (end[1])
		return fault_set(f, 0, "'%s' holds several images; they were all imported\n"
				 "Choose one by its name: see \"nacre images\".", path);
	*end = '\0';
	*ret_id = space + 1;
	return 0;
}

static int import_and_get(struct image_store *s, const char *path, struct image **ret_image,
			  struct fault *f)
{
	cleanup_buf struct buf text = BUF_INIT;
	const char *id = NULL;
	int r = run_import(s, path, &text, f);

	if (r >= 0)
		r = buf_error(&text) ? fault_set(f, -ENOMEM, "cannot read what nacre-image says")
				     : only_id(text.data ? text.data : (char[]){ "" }, path, &id, f);
	return r < 0 ? r : image_store_get(s, id, ret_image, f);
}

int image_store_obtain(struct image_store *s, const char *name_or_path,
		       struct image **ret_image, struct fault *f)
{
	bool is_path = name_or_path[0] == '/' || name_or_path[0] == '.';
	struct fault inner = FAULT_INIT;
	int r;

	if (is_path)
		return import_and_get(s, name_or_path, ret_image, f);
	r = image_store_get(s, name_or_path, ret_image, &inner);
	if (r == -ENOENT && access(name_or_path, F_OK) == 0)
		return import_and_get(s, name_or_path, ret_image, f);
	if (r < 0)
		*f = inner;
	return r;
}
