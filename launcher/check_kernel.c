/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "launcher/check.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cgroup.h"
#include "common/cleanup.h"
#include "launcher/net.h"
#include "launcher/spawn.h"

void check_kernel(struct check_answer *a)
{
	unsigned major = 0, minor = 0;
	struct utsname u;

	if (uname(&u) < 0 || sscanf(u.release, "%u.%u", &major, &minor) != 2)
		check_say(a, CHECK_PARTLY, NULL, "its version cannot be read");
	else if (major < 5 || (major == 5 && minor < 10))
		check_say(a, CHECK_NO, "Use Linux 5.10 or newer.", "Linux %s is too old", u.release);
	else
		check_say(a, CHECK_YES, NULL, "Linux %s", u.release);
}

void check_namespaces(struct check_answer *a)
{
	char missing[96] = "", path[64];

	for (int i = 0; i < NS_COUNT; i++) {
		size_t length = strlen(missing);

		snprintf(path, sizeof(path), "/proc/self/ns/%s", spawn_ns_name(i));
		if (access(path, F_OK) < 0)
			snprintf(missing + length, sizeof(missing) - length, " %s",
				 spawn_ns_name(i));
	}
	if (strstr(missing, "pid") || strstr(missing, "mnt"))
		check_say(a, CHECK_NO, "Use a kernel with CONFIG_PID_NS and CONFIG_NAMESPACES.",
			  "missing:%s", missing);
	else if (missing[0])
		check_say(a, CHECK_PARTLY, "Use a kernel that has them.", "missing:%s", missing);
	else
		check_say(a, CHECK_YES, NULL, "all eight kinds");
}

void check_seccomp(struct check_answer *a)
{
	cleanup_buf struct buf text = BUF_INIT;
	int r = buf_read_file(&text, AT_FDCWD, "/proc/sys/kernel/seccomp/actions_avail");

	if (r < 0)
		check_say(a, CHECK_NO, "Use a kernel with CONFIG_SECCOMP_FILTER.",
			  "this kernel has no filters of system calls");
	else
		check_say(a, CHECK_YES, NULL, "actions: %.*s",
			  (int)strcspn(buf_text(&text), "\n"), buf_text(&text));
}

static bool is_writable(int root_fd, enum cgroup_version version)
{
	const char *file = version == CGROUP_V2 ? "cgroup.procs" : "tasks";

	return root_fd >= 0 && faccessat(root_fd, ".", W_OK, AT_EACCESS) == 0 &&
	       faccessat(root_fd, file, W_OK, AT_EACCESS) == 0;
}

void check_cgroups(struct check_answer *a)
{
	struct cgroup_layout *layout = NULL;
	char text[200] = "", absent[100] = "";
	bool writable = true;

	if (cgroup_layout_open(NULL, &layout) < 0) {
		check_say(a, CHECK_NO, "Mount cgroup2 on /sys/fs/cgroup to have limits.",
			  "no hierarchy is mounted");
		return;
	}
	for (int i = 0; i < CGROUP_CONTROLLER_COUNT; i++) {
		enum cgroup_version version = cgroup_layout_version(layout, i);
		char *to = version == CGROUP_ABSENT ? absent : text;
		size_t size = version == CGROUP_ABSENT ? sizeof(absent) : sizeof(text);
		size_t length = strlen(to);

		snprintf(to + length, size - length, " %s%s",
			 cgroup_controller_name(i, version == CGROUP_V1 ? CGROUP_V1 : CGROUP_V2),
			 version == CGROUP_V1 ? ":v1" : version == CGROUP_V2 ? ":v2" : "");
		if (version != CGROUP_ABSENT &&
		    !is_writable(cgroup_layout_root_fd(layout, i), version))
			writable = false;
	}
	cgroup_layout_close(layout);
	if (!writable)
		check_say(a, CHECK_PARTLY, "Limits need root, or a cgroup that was delegated to you.",
			  "not writable by you:%s", text);
	else if (absent[0])
		check_say(a, CHECK_PARTLY, "What these limit cannot be limited on this host.",
			  "%s; absent:%s", text + 1, absent);
	else
		check_say(a, CHECK_YES, NULL, "%s", text + 1);
}

/* In a network namespace that ends with this process. */
static int try_bridge(void)
{
	static const struct net_subnet subnet = { 0x0a630000, 16 };
	int fd;

	if (unshare(CLONE_NEWNET) < 0)
		return -errno;
	if (net_link_bridge(&subnet) < 0)
		return 1;
	fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	return net_link_pair("probe0", fd) < 0 ? 2 : 0;
}

void check_bridge(struct check_answer *a)
{
	int r = check_in_child(try_bridge);

	if (r < 0)
		check_say(a, CHECK_NO, "Run as root; an ordinary user has --net none and host.",
			  "no network namespace may be made (%s)", strerror(-r));
	else if (r > 0)
		check_say(a, CHECK_NO, r == 1 ? "Load the module: modprobe bridge"
					      : "Load the module: modprobe veth",
			  "this kernel makes no %s", r == 1 ? "bridges" : "veth interfaces");
	else
		check_say(a, CHECK_YES, NULL, "--net bridge works");
}

static bool is_in_path(const char *name)
{
	static const char *const dirs[] = { "/usr/sbin", "/sbin", "/usr/bin", "/bin",
					    "/usr/local/sbin" };
	char path[64];

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dirs[i], name);
		if (access(path, X_OK) == 0)
			return true;
	}
	return false;
}

void check_nat(struct check_answer *a)
{
	if (is_in_path("nft"))
		check_say(a, CHECK_YES, NULL, "by nft");
	else if (is_in_path("iptables"))
		check_say(a, CHECK_YES, NULL, "by iptables");
	else
		check_say(a, CHECK_NO, "Install nftables, for containers at the bridge to reach "
			  "beyond the host.", "neither nft nor iptables is installed");
}
