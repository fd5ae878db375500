/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/scratch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "launcher/paths.h"

/* NULL in, NULL out: the last caller looks. */
static char *join(const char *dir, const char *infix, const char *name)
{
	char *path;

	return !dir || asprintf(&path, "%s%s%s", dir, infix, name) < 0 ? NULL : path;
}

static void vanishing_paths(struct scratch *s, const char *data, const char *id)
{
	s->vanishes = join(data, "/scratch/", id);
	s->upper = join(s->vanishes, "/", "upper");
	s->work = join(s->vanishes, "/", "work");
}

/*
 * The work directory stands beside the upper, where it is on the same file
 * system and not inside any layer.
 */
static void given_paths(struct scratch *s, const char *upper)
{
	cleanup_free char *parent = NULL;
	size_t length;
	char *slash;

	s->upper = strdup(upper);
	for (length = s->upper ? strlen(s->upper) : 0;
	     length > 1 && s->upper[length - 1] == '/';)
		s->upper[--length] = '\0';
	parent = s->upper ? strdup(s->upper) : NULL;
	slash = parent ? strrchr(parent, '/') : NULL;
	if (!slash)
		return;

	*slash = '\0';
	if (asprintf(&s->vanishes, "%s/.%s.nacre-work", parent, slash + 1) < 0)
		s->vanishes = NULL;
	s->work = join(s->vanishes, "/", "work");
}

int scratch_paths(const struct plan_rootfs *root, const char *data, const char *id,
		  struct scratch *s, struct fault *f)
{
	*s = (struct scratch){ 0 };
	if (root->upper)
		given_paths(s, root->upper);
	else
		vanishing_paths(s, data, id);

	if (s->upper && s->work && s->vanishes)
		return 0;
	scratch_done(s);
	return fault_set(f, -ENOMEM, "cannot name the upper layer");
}

int scratch_make(const struct scratch *s, struct fault *f)
{
	int r = paths_make(s->upper, 0755);

	if (r < 0)
		return fault_set(f, r, "cannot make the upper layer '%s'", s->upper);
	r = paths_make(s->work, 0700);
	return r < 0 ? fault_set(f, r, "cannot make the work directory '%s'", s->work) : 0;
}

void scratch_done(struct scratch *s)
{
	free(s->upper);
	free(s->work);
	free(s->vanishes);
	*s = (struct scratch){ 0 };
}
