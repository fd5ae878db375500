/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/exec_process.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "launcher/creds.h"
#include "launcher/oci_config.h"

#define FIELD(name) offsetof(struct exec_config, name)

static const struct opt rows[] = {
	{ "process", 'p', OPT_STRING, FIELD(process), "FILE", "the process as JSON", NULL },
	{ "env", 'e', OPT_LIST, FIELD(env), "K=V", "a variable for the command", NULL },
	{ "cwd", 0, OPT_STRING, FIELD(cwd), "DIR", "directory to start in", NULL },
	{ "workdir", 'w', OPT_STRING, FIELD(cwd), "DIR", "the same", NULL },
	{ "user", 'u', OPT_STRING, FIELD(user), "UID[:GID]", "user and group", NULL },
	{ "tty", 't', OPT_FLAG, FIELD(terminal), NULL, "give it a terminal", NULL },
	{ "interactive", 'i', OPT_IGNORE, 0, NULL, "as it always is: stdin goes to the command", NULL },
	{ "cap", 'c', OPT_LIST, FIELD(caps), "NAME", "a capability more than the container's", NULL },
	{ "apparmor", 0, OPT_STRING, FIELD(apparmor), "PROFILE", "AppArmor profile of the command", NULL },
	{ "additional-gids", 'g', OPT_LIST, FIELD(groups), "GID", "a group more", NULL },
	{ "no-new-privs", 0, OPT_FLAG, FIELD(no_new_privs), NULL,
	  "no program gives it rights, as set-user-id ones do", NULL },
	{ "process-label", 0, OPT_STRING, FIELD(selinux_label), "LABEL", NULL, NULL },
	{ "cgroup", 0, OPT_STRING, FIELD(cgroup), "PATH",
	  "start it in this cgroup below the container's, where there is one", NULL },
	{ "ignore-paused", 0, OPT_FLAG, FIELD(ignore_paused), NULL,
	  "in a paused container, too: it begins when that is resumed", NULL },
	{ "detach", 'd', OPT_FLAG, FIELD(detach), NULL, "do not wait for it", NULL },
	{ "pid-file", 0, OPT_STRING, FIELD(pid_file), "FILE", "write its pid there", NULL },
	{ "console-socket", 0, OPT_STRING, FIELD(console_socket), "SOCKET",
	  "send the terminal there", NULL },
	{ "pidfd-socket", 0, OPT_STRING, FIELD(pidfd_socket), "SOCKET",
	  "send a pidfd of it there", NULL },
	{ "preserve-fds", 0, OPT_UINT, FIELD(preserve_fds), "N",
	  "give descriptors 3 to 2+N to the command", NULL },
	{ "help", 'h', OPT_FLAG, FIELD(help), NULL, "print this", NULL },
};
const struct opt_table exec_options = OPT_TABLE(rows);

/*
 * Never inheritable ones: a program's file would give them to others. What the bundle
 * has there already stays with an ordinary user's programs, too, as in runc.
 */
static int add_caps(struct plan_process *p, const struct opt_list *names, struct fault *f)
{
	for (size_t i = 0; i < names->count; i++) {
		int cap = creds_cap_by_name(names->items[i]);

		if (cap < 0)
			return fault_set(f, 0, "'%s' is no capability that this kernel knows",
					 names->items[i]);
		p->caps[CAP_SET_BOUNDING] |= UINT64_C(1) << cap;
		p->caps[CAP_SET_PERMITTED] |= UINT64_C(1) << cap;
		p->caps[CAP_SET_EFFECTIVE] |= UINT64_C(1) << cap;
		p->caps[CAP_SET_AMBIENT] |= p->caps[CAP_SET_INHERITABLE] & UINT64_C(1) << cap;
	}
	return 0;
}

static int replace(char **field, const char *value)
{
	char *copy = value ? strdup(value) : NULL;

	if (!value)
		return 0;
	if (!copy)
		return -ENOMEM;
	free(*field);
	*field = copy;
	return 0;
}

static int add_groups(struct plan_process *p, const struct opt_list *gids, struct fault *f)
{
	gid_t *groups = NULL;

	if (gids->count)
		groups = reallocarray(p->groups, p->group_count + gids->count, sizeof(*groups));
	if (gids->count && !groups)
		return fault_set(f, -ENOMEM, "cannot prepare the process");
	if (groups)
		p->groups = groups;
	for (size_t i = 0; i < gids->count; i++) {
		const char *text = gids->items[i];

		if (!*text || strspn(text, "0123456789") != strlen(text) || strlen(text) > 10 ||
		    strtoull(text, NULL, 10) >= UINT32_MAX)
			return fault_set(f, 0, "'%s' is no GID", text);
		p->groups[p->group_count++] = (gid_t)strtoul(text, NULL, 10);
	}
	return 0;
}

/* Strictly numbers: the container's own tables may say anything. */
static int set_user(struct plan_process *p, const char *user, bool rights_by_user,
		    struct fault *f)
{
	unsigned uid, gid = 0;
	char end;

	if (strspn(user, "0123456789:") != strlen(user) || strlen(user) > 21 || user[0] == ':' ||
	    (sscanf(user, "%10u:%10u%c", &uid, &gid, &end) != 2 &&
	     sscanf(user, "%10u%c", &uid, &end) != 1) ||
	    strtoull(user, NULL, 10) >= UINT32_MAX)
		return fault_set(f, 0, "'%s' is no UID or UID:GID", user);
	p->uid = uid;
	p->gid = gid;
	if (rights_by_user)
		p->caps[CAP_SET_EFFECTIVE] = p->caps[CAP_SET_PERMITTED] =
			uid ? 0 : p->caps[CAP_SET_BOUNDING];
	return 0;
}

int exec_process_from_words(const struct exec_config *c, const struct opt_list *words,
			    bool rights_by_user, struct plan_process *p, struct fault *f)
{
	int r = 0;

	opt_list_done(&p->args);
	for (size_t i = 1; r >= 0 && i < words->count; i++)
		r = opt_list_add(&p->args, words->items[i]);
	for (size_t i = 0; r >= 0 && i < c->env.count; i++)
		r = opt_list_add(&p->env, c->env.items[i]);
	if (r >= 0)
		r = replace(&p->cwd, c->cwd);
	if (r >= 0)
		r = replace(&p->apparmor_profile, c->apparmor);
	if (r >= 0)
		r = replace(&p->selinux_label, c->selinux_label);
	if (r < 0)
		return fault_set(f, r, "cannot prepare the process");
	if (c->user && set_user(p, c->user, rights_by_user, f) < 0)
		return -EINVAL;
	p->no_new_privs |= c->no_new_privs;
	p->terminal = c->terminal;
	r = add_groups(p, &c->groups, f);
	if (r >= 0)
		r = add_caps(p, &c->caps, f);
	if (r < 0 || p->args.count)
		return r;
	return fault_set(f, 0, "no command is given\nUsage: nacre exec [OPTION]... ID COMMAND...");
}

int exec_process_from_file(const struct exec_config *c, struct plan_process *p, struct fault *f)
{
	cleanup_buf struct buf text = BUF_INIT;
	uint64_t bounding = p->caps[CAP_SET_BOUNDING];
	int r = buf_read_file(&text, AT_FDCWD, c->process);

	if (r < 0)
		return fault_set(f, 0, "cannot read the process '%s' (%s)", c->process,
				 strerror(-r));
	plan_process_done(p);
	r = oci_process_parse(buf_text(&text), p, f);
	/* A process that says nothing of capabilities has the container's bounds. */
	if (r >= 0 && !p->caps[CAP_SET_BOUNDING] && !strstr(buf_text(&text), "\"capabilities\""))
		p->caps[CAP_SET_BOUNDING] = bounding;
	return r;
}
