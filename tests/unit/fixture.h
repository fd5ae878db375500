/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/fixture.h - recorded hosts, unpacked for one test
 *
 * A recording is one text file: a line "== PATH" begins the file PATH, the
 * lines up to the next one are its content, "# " lines before the first are the
 * recording's own explanation.
 */
#pragma once

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static inline void fixture_make_parents(char *path)
{
	for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		(void)mkdir(path, 0755);	/* most of them exist */
		*p = '/';
	}
}

/* Puts @content into @name below @root, over what was there. */
static inline void fixture_write(const char *root, const char *name, const char *content)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	fixture_make_parents(path);
	f = fopen(path, "w");
	ck_assert_msg(f != NULL, "cannot write %s", path);
	ck_assert_int_ge(fputs(content, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

static inline FILE *fixture_next_file(const char *root, const char *line, FILE *now)
{
	char path[4096];

	if (now)
		ck_assert_int_eq(fclose(now), 0);
	snprintf(path, sizeof(path), "%s/%.*s", root, (int)strcspn(line + 3, "\n"), line + 3);
	fixture_make_parents(path);
	now = fopen(path, "w");
	ck_assert_msg(now != NULL, "cannot write %s", path);
	return now;
}

/* Unpacks tests/fixtures/cgroup/@name; the directory is given back with
 * fixture_remove(). */
static inline char *fixture_unpack(const char *name)
{
	const char *source = getenv("NACRE_SOURCE");
	char template[] = "/tmp/nacre-fixture-XXXXXX";
	char path[4096], line[8192];
	FILE *in, *out = NULL;
	char *root;

	snprintf(path, sizeof(path), "%s/tests/fixtures/cgroup/%s",
		 source ? source : NACRE_SOURCE_DIR, name);
	in = fopen(path, "r");
	ck_assert_msg(in != NULL, "cannot read %s", path);
	root = strdup(mkdtemp(template));
	ck_assert_ptr_nonnull(root);

	while (fgets(line, sizeof(line), in)) {
		if (strncmp(line, "== ", 3) == 0)
			out = fixture_next_file(root, line, out);
		else if (out)
			ck_assert_int_ge(fputs(line, out), 0);
	}
	if (out)
		ck_assert_int_eq(fclose(out), 0);
	fclose(in);
	return root;
}

static inline void fixture_remove(char *root)
{
	char command[4200];

	snprintf(command, sizeof(command), "rm -rf '%s'", root);
	ck_assert_int_eq(system(command), 0);
	free(root);
}
