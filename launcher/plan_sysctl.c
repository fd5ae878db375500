/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/plan.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* What each namespace has of its own; a '.' at the end: all that begins so. */
static const struct {
	const char *name;
	enum ns_kind ns;
} sysctls[] = {
	{ "net.", NS_NET },
	{ "fs.mqueue.", NS_IPC },
	{ "kernel.auto_msgmni", NS_IPC },
	{ "kernel.msg_next_id", NS_IPC },
	{ "kernel.msgmax", NS_IPC },
	{ "kernel.msgmnb", NS_IPC },
	{ "kernel.msgmni", NS_IPC },
	{ "kernel.sem", NS_IPC },
	{ "kernel.sem_next_id", NS_IPC },
	{ "kernel.shm_next_id", NS_IPC },
	{ "kernel.shm_rmid_forced", NS_IPC },
	{ "kernel.shmall", NS_IPC },
	{ "kernel.shmmax", NS_IPC },
	{ "kernel.shmmni", NS_IPC },
	{ "kernel.domainname", NS_UTS },
	{ "user.", NS_USER },
};

static const struct {
	const char *file, *words;
} spaces[NS_COUNT] = {
	[NS_NET] = { "/proc/self/ns/net", "network" },
	[NS_IPC] = { "/proc/self/ns/ipc", "ipc" },
	[NS_UTS] = { "/proc/self/ns/uts", "uts" },
	[NS_USER] = { "/proc/self/ns/user", "user" },
};

/* Of its own, or of somebody else's who is not the host. */
static bool is_apart(const struct plan *p, enum ns_kind kind)
{
	const struct plan_ns *ns = &p->ns[kind];
	struct stat host, joined;

	if (ns->how != NS_JOIN)
		return ns->how == NS_NEW;
	/* One that is not there any more cannot be joined: nothing is set in it. */
	return stat(spaces[kind].file, &host) == 0 &&
	       (stat(ns->path, &joined) < 0 || host.st_ino != joined.st_ino ||
		host.st_dev != joined.st_dev);
}

static bool is_named(const char *item, size_t length, const char *name)
{
	size_t known = strlen(name);

	return name[known - 1] == '.' ? strncmp(item, name, known) == 0
				      : known == length && memcmp(item, name, length) == 0;
}

static int check_one(const struct plan *p, const char *item, struct fault *f)
{
	int length = (int)strcspn(item, "=");
	const char *dots = strstr(item, "//");

	/* '/' stands for a dot in a name: two of them would lead up to other values. */
	if (dots && dots < item + length)
		return fault_set(f, 0, "sysctl '%.*s' is no name of a kernel value", length, item);
	for (size_t i = 0; i < sizeof(sysctls) / sizeof(sysctls[0]); i++) {
		if (!is_named(item, (size_t)length, sysctls[i].name))
			continue;
		if (p->domainname && strncmp(item, "kernel.domainname=", 18) == 0)
			return fault_set(f, 0, "domainname and sysctl 'kernel.domainname' are the "
					 "same: leave out one");
		if (is_apart(p, sysctls[i].ns))
			return 0;
		return fault_set(f, 0, "sysctl '%.*s' would change the host: the container has no "
				 "%s namespace of its own\nGive it one, or set the value on the "
				 "host.", length, item, spaces[sysctls[i].ns].words);
	}
	return fault_set(f, 0, "sysctl '%.*s' would change the host: containers have no value of "
			 "their own of it\nSet it on the host%s.", length, item,
			 strncmp(item, "kernel.hostname=", 16) == 0
				 ? ", or use the container's hostname" : "");
}

int plan_check_sysctls(const struct plan *p, struct fault *f)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < p->sysctls.count; i++)
		r = check_one(p, p->sysctls.items[i], f);
	return r;
}
