/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher/plan.h - what is to be done to start a container, as plain data
 *
 * A command line or an OCI bundle becomes a plan; the stages carry it out.
 * A plan opens nothing and asks the kernel nothing, so it can be made and
 * compared without privileges.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/opt.h"
#include "launcher/limits.h"
#include "launcher/net.h"

struct seccomp_filter;

enum ns_kind {
	NS_USER,
	NS_PID,
	NS_NET,
	NS_IPC,
	NS_UTS,
	NS_MOUNT,
	NS_CGROUP,
	NS_TIME,
	NS_COUNT,
};

enum ns_how {
	NS_SHARE,		/* stay in the one nacre runs in */
	NS_NEW,
	NS_JOIN,		/* the one that path names */
};

struct plan_ns {
	enum ns_how how;
	char *path;
};

struct idmap_range {
	uint32_t inside, outside, count;
};

struct idmap {
	struct idmap_range *ranges;
	size_t count;
};

enum rootfs_driver {
	ROOTFS_UNIONFS,		/* nacre-unionfs, one per container */
	ROOTFS_OVERLAY,		/* the kernel's overlayfs */
	ROOTFS_BTRFS,		/* a subvolume: a snapshot, or the layers copied by reference */
	ROOTFS_VFS,		/* the layers copied */
	ROOTFS_DIRECTORY,	/* the directory itself, as OCI bundles have it */
};

struct plan_rootfs {
	enum rootfs_driver driver;
	struct opt_list lowers;	/* the first is on top */
	char *upper;		/* NULL: a scratch one that vanishes */
	char *directory;	/* ROOTFS_DIRECTORY */
	bool read_only;
	uint64_t propagation;	/* MS_SLAVE, ..., for the root at the end; 0: none */
};

enum mount_kind {
	MOUNT_KIND_FS,		/* a new file system of `type` */
	MOUNT_KIND_BIND,	/* the tree at `source` */
	MOUNT_KIND_CGROUP,	/* the container's own cgroups, as the host has them */
};

struct plan_mount {
	enum mount_kind kind;
	char *type;
	char *source;
	const char *source_in_root;	/* part of source: the way from the root, where a mount
					   before this one covers it; NULL: the host's file */
	char *target;		/* inside the root; symlinks cannot leave it */
	char *data;		/* file system options, comma separated */
	uint64_t attr_set, attr_clear;		/* MOUNT_ATTR_*, this mount */
	uint64_t rec_set, rec_clear;		/* the same, with all below it */
	uint64_t propagation;			/* MS_PRIVATE | MS_REC, ...; 0: none */
	bool recursive;		/* bind: with the mounts below */
	bool copy_up;		/* tmpfs: begin with what the target held */
	bool remount;		/* change the flags of what is mounted at the target */
	bool optional;		/* leave out what this host cannot mount */
	bool no_follow;		/* the target's last component is no symlink */
	bool idmapped;		/* show ids through a map: its own, or the container's */
	struct idmap uids, gids;
};

struct plan_device {
	const char *path;	/* inside the container: "/dev/fuse"; owned in a plan */
	mode_t type;		/* S_IFCHR, S_IFBLK, S_IFIFO */
	unsigned major, minor;
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

struct plan_rlimit {
	int resource;
	uint64_t soft, hard;	/* UINT64_MAX: no limit */
};

enum cap_set {
	CAP_SET_BOUNDING,
	CAP_SET_EFFECTIVE,
	CAP_SET_INHERITABLE,
	CAP_SET_PERMITTED,
	CAP_SET_AMBIENT,
	CAP_SET_COUNT,
};

/* How the kernel shares time and disks between it and others. */
struct plan_sched {
	bool has_policy;
	uint32_t policy;	/* SCHED_* */
	uint64_t flags;		/* SCHED_FLAG_* */
	int32_t nice;
	uint32_t priority;
	uint64_t runtime_ns, deadline_ns, period_ns;
	bool has_io_priority;
	int io_priority;	/* class and level, as ioprio_set(2) has it */
	char *cpus_initial;	/* exec: the CPUs until it is in the container's cgroup */
	char *cpus_final;	/* exec: those after; NULL: as the cgroup says */
};

struct plan_process {
	struct opt_list args;
	struct opt_list env;
	char *cwd;
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	size_t group_count;
	mode_t umask;
	uint64_t caps[CAP_SET_COUNT];	/* bit N is capability N */
	bool no_new_privs;
	bool terminal;
	unsigned short console_rows, console_columns;
	bool has_oom_score_adj;
	int oom_score_adj;
	struct plan_rlimit *rlimits;
	size_t rlimit_count;
	struct plan_sched sched;
	char *apparmor_profile;
	char *selinux_label;
};

enum hook_stage {
	HOOK_PRESTART,
	HOOK_CREATE_RUNTIME,
	HOOK_CREATE_CONTAINER,
	HOOK_START_CONTAINER,
	HOOK_POSTSTART,
	HOOK_POSTSTOP,
	HOOK_COUNT,
};

struct plan_hook {
	enum hook_stage stage;
	char *path;
	struct opt_list args;
	struct opt_list env;
	unsigned timeout_s;	/* 0: none */
};

struct plan {
	char *id;
	char *hostname, *domainname;
	char *bundle;		/* absolute, or NULL without one */
	struct plan_rootfs rootfs;
	struct plan_ns ns[NS_COUNT];
	struct idmap uids, gids;
	bool has_time_offsets;
	int64_t monotonic_offset_s, boottime_offset_s;
	uint32_t monotonic_offset_ns, boottime_offset_ns;
	bool clocks_from_zero;	/* offsets that make uptime begin at 0 */
	struct plan_mount *mounts;
	size_t mount_count;
	struct opt_list masked, read_only;	/* paths */
	struct plan_device *devices;
	size_t device_count;
	bool default_devices;	/* /dev/null and its like, the links, ptmx */
	struct opt_list sysctls;	/* "net.core.somaxconn=100" */
	struct limits limits;
	char *cgroup_path;	/* NULL: join none */
	bool views;		/* place the container's own /proc files */
	bool init;		/* nacre is pid 1 and starts the command */
	bool loopback_up;
	bool bridge;		/* an interface at nacre's bridge, in the new network namespace */
	bool nat;		/* which translates addresses */
	bool resolver;		/* the host's nameservers in /etc/resolv.conf */
	struct net_subnet subnet;
	struct net_port *ports;	/* of the host that lead to the container */
	size_t port_count;
	bool new_keyring;
	bool has_personality;
	unsigned long personality;	/* PER_LINUX32, ... */
	struct plan_process process;
	struct plan_hook *hooks;
	size_t hook_count;
	struct opt_list annotations;	/* key, value, key... */
	struct seccomp_filter *seccomp;	/* compiled; or NULL */
	char *seccomp_listener;	/* socket of the agent that answers for it; or NULL */
	char *seccomp_metadata;	/* what it is told besides; or NULL */
};

/** plan_new() - an empty plan: shares every namespace, mounts nothing */
struct plan *plan_new(void);

/** plan_process_done() - free what the struct owns */
void plan_process_done(struct plan_process *process);

/** plan_free() - accepts NULL, returns NULL */
struct plan *plan_free(struct plan *plan);

/**
 * plan_add_mount() - append a mount
 *
 * The strings are copied; NULL stays NULL. Mounts are made in this order.
 *
 * Return: the new mount, to be filled further, or NULL without memory.
 */
struct plan_mount *plan_add_mount(struct plan *plan, enum mount_kind kind,
				  const char *type, const char *source,
				  const char *target, const char *data);

/**
 * plan_find_inner_sources() - see which binds show what an earlier mount brings
 *
 * Such a source is named by its path through the bundle's root on the host, where
 * it is not: it appears when the container's mounts are made.
 */
void plan_find_inner_sources(struct plan *plan);

/** plan_add_default_mounts() - /proc, /sys, /dev and what lies below; 0 or -ENOMEM */
int plan_add_default_mounts(struct plan *plan);

/** plan_add_default_masks() - the paths every engine hides or protects; 0 or -ENOMEM */
int plan_add_default_masks(struct plan *plan);

/** plan_default_caps() - the usual 14 capabilities in bounding, effective, permitted */
void plan_default_caps(struct plan_process *process);

/** idmap_add() - append a range; 0 or -ENOMEM */
int idmap_add(struct idmap *map, uint32_t inside, uint32_t outside, uint32_t count);

/** idmap_to_outside() - the id outside of @inside; -1 if it is not mapped */
int64_t idmap_to_outside(const struct idmap *map, uint32_t inside);

/** plan_env() - the value of a variable in the command's environment, or NULL */
const char *plan_env(const struct plan_process *process, const char *name);

/**
 * plan_id_is_valid() - whether a container may have this name
 *
 * First a letter, digit, '_', '+' or '-', then those or '.': the name becomes a
 * directory and a cgroup.
 */
bool plan_id_is_valid(const char *id);

/**
 * plan_check_sysctls() - whether all kernel values are the container's own
 *
 * A value that no namespace has would be the whole host's.
 *
 * Return: 0; -EINVAL with @fault that names it.
 */
int plan_check_sysctls(const struct plan *plan, struct fault *fault);
