/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/recorded.h - a container on a recorded host, and its rendered files */
#pragma once

#include "common/cgroup.h"
#include "procfs/clock.h"
#include "procfs/gather.h"
#include "procfs/table.h"
#include "tests/unit/fixture.h"

struct recorded {
	char *root;
	struct cgroup_layout *layout;
	struct host *host;
	struct group *group;
	struct gather_policy policy;
	uint64_t missing[MISSING_COUNT];
	struct account *account;
	uint64_t start_ns;
};

static inline void recorded_open(struct recorded *r, const char *host, const char *cgroup)
{
	struct group_spec spec = { { NULL } };

	memset(r, 0, sizeof(*r));
	r->root = fixture_unpack(host);
	ck_assert_int_eq(cgroup_layout_open(r->root, &r->layout), 0);
	ck_assert_int_eq(host_open(r->root, &r->host), 0);
	for (int i = 0; i < GROUP_PLACES; i++)
		spec.path[i] = cgroup;
	ck_assert_int_eq(group_open(r->layout, &spec, &r->group), 0);
	r->account = malloc(account_size(host_cpu_count(r->host)));
	account_reset(r->account, host_cpu_count(r->host));
	r->start_ns = clock_now_ns();
}

static inline void recorded_close(struct recorded *r)
{
	free(r->account);
	group_close(r->group);
	host_close(r->host);
	cgroup_layout_close(r->layout);
	fixture_remove(r->root);
}

static inline int recorded_view(struct recorded *r, unsigned needs, const char *path,
				struct view *v)
{
	struct gather g = {
		.policy = &r->policy, .host = r->host, .group = r->group,
		.account = r->account, .start_ns = r->start_ns, .missing = r->missing,
		.name = "box",
	};

	return gather_view(&g, needs, path, v);
}

/* The file's text; freed by the caller. */
static inline char *recorded_render(struct recorded *r, const char *path)
{
	const struct proc_file *f = table_find(path);
	cleanup_view struct view v = { 0 };
	struct buf out = BUF_INIT;

	ck_assert_msg(f != NULL, "%s is not served", path);
	ck_assert_int_eq(recorded_view(r, f->needs, path, &v), 0);
	ck_assert_int_eq(f->render(&v, &out), 0);
	return out.data ? out.data : strdup("");
}

/* What follows NAME at the start of a line, up to the line's end, without blanks before. */
static inline char *recorded_line(const char *text, const char *name)
{
	size_t length = strlen(name);

	for (const char *p = text; *p; p++) {
		const char *end = strchrnul(p, '\n');

		if (strncmp(p, name, length) == 0 &&
		    (p[length] == ' ' || p[length] == '\t' || p[length] == '\n')) {
			p += length;
			while (*p == ' ' || *p == '\t')
				p++;
			return strndup(p, (size_t)(end - p));
		}
		if (!*end)
			break;
		p = end;
	}
	return NULL;
}

static inline void recorded_check(const char *text, const char *name, const char *expect)
{
	char *line = recorded_line(text, name);

	ck_assert_msg(line != NULL, "no line '%s' in:\n%s", name, text);
	ck_assert_msg(strcmp(line, expect) == 0, "%s is '%s', not '%s'", name, line, expect);
	free(line);
}
