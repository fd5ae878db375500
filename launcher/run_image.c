/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/run_image.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/resolve.h"

static int append(struct opt_list *to, const struct opt_list *from)
{
	for (size_t i = 0; i < from->count; i++)
		if (opt_list_add(to, from->items[i]) < 0)
			return -ENOMEM;
	return 0;
}

/* The image's variables first: the last one given wins. */
static int add_env(struct run_config *c, const struct opt_list *env)
{
	struct opt_list all = { 0 };
	int r = append(&all, env);

	if (r >= 0)
		r = append(&all, &c->env);
	if (r < 0) {
		opt_list_done(&all);
		return r;
	}
	opt_list_done(&c->env);
	c->env = all;
	return 0;
}

/* The topmost layer that has the file; none of their symlinks leads outside. */
static int read_in_layers(const struct opt_list *layers, const char *path, struct buf *text)
{
	for (size_t i = 0; i < layers->count; i++) {
		cleanup_fd int root = neg_errno(open(layers->items[i],
						     O_PATH | O_DIRECTORY | O_CLOEXEC));
		cleanup_fd int fd = root < 0 ? root : resolve_open_flags(root, path, O_RDONLY);

		if (fd >= 0)
			return buf_read_fd(text, fd);
	}
	return -ENOENT;
}

/* "name:x:UID:GID:..." or "name:x:GID:...": the @field-th number of a name's line. */
static bool find_number(const char *text, const char *name, size_t length, int field,
			char *ret, size_t size)
{
	for (const char *line = text; *line; line += strcspn(line, "\n")) {
		const char *p;

		line += *line == '\n';
		if (strncmp(line, name, length) != 0 || line[length] != ':')
			continue;
		p = line;
		for (int i = 0; i < field && p; i++) {
			p = strpbrk(p, ":\n");
			p = p && *p == ':' ? p + 1 : NULL;
		}
		if (!p || !isdigit((unsigned char)*p))
			return false;
		snprintf(ret, size, "%.*s", (int)strspn(p, "0123456789"), p);
		return true;
	}
	return false;
}

static bool is_number(const char *text, size_t length)
{
	return length && strspn(text, "0123456789") >= length;
}

/* "app", "app:staff", "1000", "1000:staff" as "UID:GID". */
static int resolve_user(const struct image *image, const char *user, char **ret, struct fault *f)
{
	cleanup_buf struct buf passwd = BUF_INIT, group = BUF_INIT;
	size_t length = strcspn(user, ":");
	const char *group_name = user[length] ? user + length + 1 : NULL;
	char uid[16] = "", gid[16] = "0";

	(void)read_in_layers(&image->layers, "etc/passwd", &passwd);
	(void)read_in_layers(&image->layers, "etc/group", &group);
	if (is_number(user, length))
		snprintf(uid, sizeof(uid), "%.*s", (int)length, user);
	else if (!find_number(buf_text(&passwd), user, length, 2, uid, sizeof(uid)))
		return fault_set(f, 0, "the image's user '%s' is not in its /etc/passwd\n"
				 "Name one by number: --user UID[:GID]", user);
	else
		(void)find_number(buf_text(&passwd), user, length, 3, gid, sizeof(gid));

	if (group_name && is_number(group_name, strlen(group_name)))
		snprintf(gid, sizeof(gid), "%s", group_name);
	else if (group_name && !find_number(buf_text(&group), group_name, strlen(group_name), 2,
					    gid, sizeof(gid)))
		return fault_set(f, 0, "the image's group '%s' is not in its /etc/group\n"
				 "Name one by number: --user UID:GID", group_name);
	return asprintf(ret, "%s:%s", uid, gid) < 0 ? fault_set(f, -ENOMEM, "cannot read the user")
						    : 0;
}

static int add_command(const struct image *image, char *const *words, struct opt_list *command,
		       struct fault *f)
{
	int r = append(command, &image->config.entrypoint);

	if (!*words && r >= 0)
		r = append(command, &image->config.cmd);
	for (; *words && r >= 0; words++)
		r = opt_list_add(command, *words);
	if (r < 0)
		return fault_set(f, r, "cannot make the command");
	return command->count ? 0 : fault_set(f, 0, "no command is given, and the image has none\n"
					      "Name one after the options: -- sh");
}

int run_image_apply(struct run_config *c, const struct image *image, char *const *words,
		    struct opt_list *ret_command, struct fault *f)
{
	const char *user = image->config.user, *workdir = image->config.workdir;
	int r = append(&c->lowers, &image->layers);

	if (r >= 0)
		r = add_env(c, &image->config.env);
	if (r >= 0 && !c->workdir && workdir && *workdir) {
		c->workdir = strdup(workdir);
		r = c->workdir ? 0 : -ENOMEM;
	}
	if (r < 0)
		return fault_set(f, r, "cannot apply the image");
	if (!c->user && user && *user) {
		r = resolve_user(image, user, &c->user, f);
		if (r < 0)
			return r;
	}
	return add_command(image, words, ret_command, f);
}
