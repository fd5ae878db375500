/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "unionfs/options.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/errors.h"
#include "common/memory_limit.h"
#include "unionfs/options_values.h"

#define TIMEOUT_FOR_EVER 1e9
#define SPIN_US		 30
#define INODE_BYTES	 300	/* with a name */
#define INODES_MIN	 1000
#define TABLE_BYTES	 (64 * 1024 * 1024)

#define FIELD(name) offsetof(struct options, name)

/*
 * The words after -o. Rows without help are other unions' options that change
 * nothing here, or other names of a row above.
 */
static const struct opt mount_rows[] = {
	{ "lowerdir", 0, OPT_STRING, FIELD(lowerdir), "DIR[:DIR...][::DIR...]",
	  "layers that are never changed, topmost first; after '::' data-only" },
	{ "lowerdir+", 0, OPT_LIST, FIELD(lowerdir_added), "DIR",
	  "one more layer below those given so far" },
	{ "datadir+", 0, OPT_LIST, FIELD(datadir_added), "DIR",
	  "one more data-only layer" },
	{ "upperdir", 0, OPT_STRING, FIELD(upperdir), "DIR",
	  "layer that takes every change; without it the union is read-only" },
	{ "workdir", 0, OPT_STRING, FIELD(workdir), "DIR",
	  "empty directory beside upperdir, on the same filesystem" },

	{ "data", 0, OPT_PARSE, FIELD(data), "auto|cached|passthrough|all",
	  "who reads and writes file data: see the manual", parse_data },
	{ "redirect_dir", 0, OPT_PARSE, FIELD(redirect_dir), "on|follow|nofollow",
	  "rename directories of lower layers (on), or only understand it", parse_redirect_dir },
	{ "index", 0, OPT_PARSE, FIELD(index), "auto|on|off",
	  "keep hard links of lower files over copy-up and remount", parse_auto },
	{ "metacopy", 0, OPT_PARSE, FIELD(metacopy), "on|off",
	  "change attributes of a lower file without copying its data", parse_bool },
	{ "verity", 0, OPT_PARSE, FIELD(verity), "off|on|require",
	  "check fs-verity digests of metacopy files", parse_verity },
	{ "userxattr", 0, OPT_FLAG, FIELD(userxattr), NULL,
	  "keep the overlay's attributes in user.overlay. instead of trusted." },
	{ "whiteout", 0, OPT_PARSE, FIELD(whiteout), "auto|overlay|aufs",
	  "what '.wh.' files are: marks in lower layers, names, or marks everywhere", parse_whiteout },
	{ "xattr_permissions", 0, OPT_PARSE, FIELD(xattr_permissions), "0|1|2",
	  "keep owner and mode in an attribute: 1 security., 2 user.", parse_xattr_permissions },
	{ "uuid", 0, OPT_PARSE, FIELD(uuid), "auto|on|off|null",
	  "off: leave the filesystem's id out of origin records", parse_uuid },

	{ "uidmapping", 0, OPT_PARSE, FIELD(uid_map), "LAYER:SHOWN:COUNT[:...]",
	  "show the layers' user ids as others", idmap_parse },
	{ "gidmapping", 0, OPT_PARSE, FIELD(gid_map), "LAYER:SHOWN:COUNT[:...]",
	  "the same for groups", idmap_parse },
	{ "squash_to_root", 0, OPT_PARSE_FLAG, 0, NULL,
	  "show everything as owned by root", parse_squash_to_root },
	{ "squash_to_uid", 0, OPT_PARSE, 0, "UID",
	  "show everything as owned by this user", parse_squash_uid },
	{ "squash_to_gid", 0, OPT_PARSE, 0, "GID",
	  "show everything as owned by this group", parse_squash_gid },
	{ "xino", 0, OPT_PARSE, FIELD(xino), "auto|on|off",
	  "accepted: inode numbers are unique over all layers", parse_auto },
	{ "ino32_t", 0, OPT_FLAG, FIELD(ino32), NULL,
	  "inode numbers of 32 bits" },
	{ "static_nlink", 0, OPT_FLAG, FIELD(static_nlink), NULL,
	  "accepted: directories have one link" },
	{ "acl", 0, OPT_PARSE, FIELD(acl), "auto|on|off",
	  "POSIX ACLs; auto: if the upper layer has them", parse_auto },
	{ "noacl", 0, OPT_PARSE_FLAG, FIELD(acl), NULL,
	  "the same as acl=off", parse_noacl },
	{ "noxattrs", 0, OPT_FLAG, FIELD(no_xattrs), NULL,
	  "show no extended attributes" },
	{ "context", 0, OPT_STRING, FIELD(context), "\"LABEL\"",
	  "SELinux label of everything in the union" },

	{ "timeout", 0, OPT_PARSE, FIELD(timeout_seconds), "SECONDS",
	  "how long the kernel may remember names and attributes", parse_timeout },
	{ "volatile", 0, OPT_FLAG, FIELD(is_volatile), NULL,
	  "sync nothing: after a crash of the machine the upper layer is lost" },
	{ "fsync", 0, OPT_PARSE, 0, "1|0|auto|strict|volatile",
	  "0: fsync(2) does nothing", parse_fsync },
	{ "writeback", 0, OPT_PARSE, FIELD(writeback), "1|0",
	  "gather small writes in the kernel", parse_bool },
	{ "threads", 0, OPT_UINT, FIELD(threads), "N",
	  "worker threads; 0, the default: one per core" },
	{ "spin", 0, OPT_UINT, FIELD(spin_us), "MICROSECONDS",
	  "look so long for the next request before sleeping; 30 by default" },
	{ "no_resend", 0, OPT_FLAG, FIELD(no_resend) },
	{ "max_inodes", 0, OPT_UINT, FIELD(max_inodes), "N",
	  "have the kernel forget inodes above so many; 0: never" },
	{ "allow_other", 0, OPT_FLAG, FIELD(allow_other), NULL,
	  "let other users in; the default for root" },
	{ "default_permissions", 0, OPT_FLAG, FIELD(default_permissions) },
	{ "fsname", 0, OPT_STRING, FIELD(source), "TEXT",
	  "the mount's source, as SOURCE says it" },

	{ "remount", 0, OPT_FLAG, FIELD(remount), NULL,
	  "change the flags of a mounted union, as ro or nodev, and nothing else" },

	{ "redirect_max", 0, OPT_IGNORE },
	{ "nfs_export", 0, OPT_IGNORE },
	{ "override_creds", 0, OPT_IGNORE },
	{ "nooverride_creds", 0, OPT_IGNORE },
	{ "threaded", 0, OPT_IGNORE },
	{ "fast_ino", 0, OPT_IGNORE },
	{ "fast_ino_check", 0, OPT_IGNORE },
	{ "plugins", 0, OPT_IGNORE },
	{ "private", 0, OPT_IGNORE },
	{ "splice_read", 0, OPT_IGNORE },
	{ "splice_write", 0, OPT_IGNORE },
	{ "splice_move", 0, OPT_IGNORE },
	{ "kernel_cache", 0, OPT_IGNORE },
	{ "auto_cache", 0, OPT_IGNORE },
	{ "max_write", 0, OPT_IGNORE },
	{ "max_read", 0, OPT_IGNORE },
	{ "subtype", 0, OPT_IGNORE },
	{ "user_id", 0, OPT_IGNORE },
	{ "group_id", 0, OPT_IGNORE },
	{ "auto_unmount", 0, OPT_IGNORE },
};
static const struct opt_table mount_table = OPT_TABLE(mount_rows);

static const struct opt word_rows[] = {
	{ "options", 'o', OPT_LIST, FIELD(words), "OPTIONS",
	  "mount options, separated by commas; may be repeated" },
	{ "foreground", 'f', OPT_FLAG, FIELD(foreground), NULL,
	  "do not go to the background" },
	{ "debug", 'd', OPT_FLAG, FIELD(debug), NULL,
	  "trace every request; implies -f" },
	{ "help", 'h', OPT_FLAG, FIELD(help), NULL, "print this and exit" },
	{ "version", 'V', OPT_FLAG, FIELD(version), NULL, "print the version and exit" },
	{ "single", 's', OPT_IGNORE, 0 },
	{ "no-mtab", 'n', OPT_IGNORE, 0 },
};
static const struct opt_table word_table = OPT_TABLE(word_rows);

/* Words of -o that belong to mount(2): handed on in the order they were given. */
static const char *const mount_flags[] = {
	"ro", "rw", "suid", "nosuid", "dev", "nodev", "exec", "noexec", "sync",
	"async", "dirsync", "atime", "noatime", "diratime", "nodiratime",
	"relatime", "norelatime", "strictatime", "lazytime", "nolazytime",
	"defaults",
};

/* What mount(8) and fstab(5) keep for themselves, and everybody passes on. */
static const char *const silently_ignored[] = {
	"_netdev", "noauto", "auto", "nofail", "user", "nouser", "users", "owner",
	"group", "silent", "loud", "rprivate", "rshared", "rslave", "shared",
	"slave", "bind", "rbind",
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool is_in(const char *word, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(word, list[i]) == 0)
			return true;
	return false;
}

/* The table's callback carries no more than the struct. */
struct parsing {
	struct options options;	/* first: rows are relative to it */
	void (*warn)(const char *option);
	int error;
};

static void take_unknown(const char *option, void *config)
{
	struct parsing *p = config;

	if (is_in(option, mount_flags, COUNT(mount_flags))) {
		if (opt_list_add(&p->options.flags, option) < 0)
			p->error = -ENOMEM;
		return;
	}
	if (strncmp(option, "x-", 2) == 0 || strncmp(option, "comment=", 8) == 0 ||
	    is_in(option, silently_ignored, COUNT(silently_ignored)))
		return;
	if (p->warn)
		p->warn(option);
}

void options_init(struct options *o)
{
	*o = (struct options){
		.redirect_dir = REDIRECT_DIR_ON,
		.metacopy = true,
		.timeout_seconds = TIMEOUT_FOR_EVER,
		.spin_us = SPIN_US,
		.max_inodes = MAX_INODES_FROM_MEMORY,
		.table_bytes = TABLE_BYTES,
		.fsync = true,
		.writeback = true,
		.default_permissions = true,
		.allow_other = geteuid() == 0,
	};
}

void options_fit_memory(struct options *o, uint64_t limit_bytes)
{
	uint64_t inodes = limit_bytes / 2 / INODE_BYTES;

	if (limit_bytes / 8 < TABLE_BYTES)
		o->table_bytes = limit_bytes / 8;
	if (o->max_inodes != MAX_INODES_FROM_MEMORY)
		return;
	if (inodes < INODES_MIN)
		inodes = INODES_MIN;
	o->max_inodes = limit_bytes == MEMORY_LIMIT_NONE || inodes >= UINT_MAX ?
				0 : inodes;
}

void options_done(struct options *o)
{
	opt_config_done(&mount_table, o);
	opt_config_done(&word_table, o);
	opt_list_done(&o->flags);
	idmap_done(&o->uid_map);
	idmap_done(&o->gid_map);
	free(o->mountpoint);
	free(o->mount_flags);
	*o = (struct options){ 0 };
}

/* "\:" and "\\" in place; upperdir and workdir know the escapes as well. */
static void unescape(char *text)
{
	char *out = text;

	if (!text)
		return;
	for (; *text; text++) {
		if (*text == '\\' && text[1])
			text++;
		*out++ = *text;
	}
	*out = '\0';
}

/*
 * Root's mounts keep suid programs and devices working, as every other mount of
 * root's does; others get what fusermount3 allows. Reading moves no access time
 * in a layer, so there is none to show.
 */
static int compose_mount_flags(struct options *o)
{
	cleanup_buf struct buf flags = BUF_INIT;

	if (!o->remount)
		buf_adds(&flags, geteuid() == 0 ? "suid,dev,noatime" : "noatime");
	for (size_t i = 0; i < o->flags.count; i++) {
		const char *flag = o->flags.items[i];

		buf_addf(&flags, ",%s", flag);
		if (strcmp(flag, "ro") == 0)
			o->read_only = true;
		else if (strcmp(flag, "rw") == 0)
			o->read_only = false;
	}
	if (!o->upperdir && !o->read_only && !o->remount)
		buf_adds(&flags, ",ro");
	if (o->context)
		buf_addf(&flags, ",context=\"%s\"", o->context);
	if (buf_error(&flags))
		return buf_error(&flags);

	o->read_only |= !o->upperdir;
	free(o->mount_flags);
	o->mount_flags = take_ptr(flags.data);
	return 0;
}

/* The kernel knows trusted.* only for those who are privileged at the outside. */
static bool may_write_trusted(void)
{
	cleanup_buf struct buf map = BUF_INIT;
	unsigned inside, outside, count;
	cap_t caps = cap_get_proc();
	cap_flag_value_t has = CAP_CLEAR;

	if (caps) {
		(void)cap_get_flag(caps, CAP_SYS_ADMIN, CAP_EFFECTIVE, &has);
		cap_free(caps);
	}
	if (has != CAP_SET)
		return false;

	/* Without user namespaces there is no such file, and no doubt. */
	if (buf_read_file(&map, -1, "/proc/self/uid_map") < 0)
		return true;
	return sscanf(buf_text(&map), "%u %u %u", &inside, &outside, &count) == 3 &&
	       inside == 0 && outside == 0 && count == UINT32_MAX;
}

static int check(const struct options *o, size_t operands, struct opt_error *error)
{
	if (operands == 0)
		return opt_error_set(error, "no mountpoint given\nPut the directory to mount on last.");
	if (operands > 2)
		return opt_error_set(error, "more than one mountpoint given\nOne directory is enough; options go behind -o.");
	if (o->remount)
		return 0;
	if (!o->lowerdir && o->lowerdir_added.count == 0)
		return opt_error_set(error, "no lowerdir given\nName the layers to unite: -o lowerdir=DIR[:DIR...].");
	if (o->upperdir && !o->workdir)
		return opt_error_set(error, "upperdir '%s' needs a workdir\nGive it an empty directory on the same filesystem: -o workdir=DIR.",
				     o->upperdir);
	return 0;
}

static int parse_words(struct options *o, void (*warn)(const char *option),
		       struct opt_error *error)
{
	struct parsing p = { .options = *o, .warn = warn };
	int r = 0;

	for (size_t i = 0; r == 0 && i < o->words.count; i++)
		r = opt_parse_mount(&mount_table, o->words.items[i], &p,
				    take_unknown, error);
	*o = p.options;
	return r < 0 ? r : p.error;
}

static int finish(struct options *o, struct opt_list *operands,
		  struct opt_error *error)
{
	int r = check(o, operands->count, error);

	if (r < 0)
		return r;
	o->mountpoint = strdup(operands->items[operands->count - 1]);
	if (!o->source && operands->count > 1)
		o->source = strdup(operands->items[0]);
	if (!o->mountpoint || (!o->source && operands->count > 1))
		return -ENOMEM;

	unescape(o->upperdir);
	unescape(o->workdir);
	o->foreground |= o->debug;
	/* Modes are in the attribute then: what an ACL says would not fit them. */
	if (o->xattr_permissions != XATTR_PERMISSIONS_NONE)
		o->acl = SWITCH_OFF;
	o->userxattr |= !may_write_trusted();
	if (o->whiteout == WHITEOUT_AUTO && getenv("FUSE_OVERLAYFS_DISABLE_OVL_WHITEOUT"))
		o->whiteout = WHITEOUT_AUFS;
	return compose_mount_flags(o);
}

int options_parse(struct options *o, int argc, char *const *argv,
		  void (*warn)(const char *option), struct opt_error *error)
{
	struct opt_list operands = { 0 };
	int r;

	r = opt_parse_args(&word_table, argc, argv, o, &operands, error);
	if (r >= 0 && (o->help || o->version))
		r = 0;
	else if (r >= 0) {
		r = parse_words(o, warn, error);
		if (r == 0)
			r = finish(o, &operands, error);
	}
	opt_list_done(&operands);
	return r;
}

enum overlay_ns options_ns(const struct options *o)
{
	return o->userxattr ? OVERLAY_USER : OVERLAY_TRUSTED;
}

/* Where the path that begins @text ends: at a colon that is not escaped. */
static const char *path_end(const char *text)
{
	for (; *text && *text != ':'; text++)
		if (*text == '\\' && text[1])
			text++;
	return text;
}

static int add_path(struct opt_list *list, const char *path, size_t length)
{
	cleanup_free char *copy = strndup(path, length);

	if (!copy)
		return -ENOMEM;
	unescape(copy);
	return opt_list_add(list, copy);
}

static int split_lowerdir(const char *text, struct opt_list *lower,
			  struct opt_list *data, struct opt_error *error)
{
	const char *whole = text;
	bool in_data = false;

	for (;;) {
		const char *end = path_end(text);
		int r;

		if (end == text)
			return opt_error_set(error, "lowerdir '%.200s' has an empty path in it\nSeparate layers with ':', data-only ones with '::'; write '\\:' for a colon in a name.",
					     whole);
		r = add_path(in_data ? data : lower, text, end - text);
		if (r < 0)
			return r;
		if (!*end)
			return 0;

		text = end + 1;
		if (*text == ':') {
			in_data = true;
			text++;
		} else if (in_data) {
			return opt_error_set(error, "lowerdir '%.200s' has an ordinary layer after a data-only one\nPut all data-only layers, each behind '::', last.",
					     whole);
		}
	}
}

static int add_all(struct opt_list *to, const struct opt_list *from)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < from->count; i++)
		r = opt_list_add(to, from->items[i]);
	return r;
}

int options_layers(const struct options *o, struct opt_list *ret_lower,
		   struct opt_list *ret_data, struct opt_error *error)
{
	struct opt_list lower = { 0 };
	struct opt_list data = { 0 };
	int r = 0;

	if (o->lowerdir)
		r = split_lowerdir(o->lowerdir, &lower, &data, error);
	if (r == 0)
		r = add_all(&lower, &o->lowerdir_added);
	if (r == 0)
		r = add_all(&data, &o->datadir_added);
	if (r < 0) {
		opt_list_done(&lower);
		opt_list_done(&data);
		return r;
	}

	*ret_lower = lower;
	*ret_data = data;
	return 0;
}

void options_print_help(const char *program, FILE *out)
{
	fprintf(out,
		"Usage: %s -o lowerdir=DIR[:DIR...][,upperdir=DIR,workdir=DIR][,OPTION...] [SOURCE] MOUNTPOINT\n"
		"Show several directory trees as one, and keep changes in the upper one.\n\n"
		"Options:\n", program);
	opt_print_help(&word_table, "--", out);
	fputs("\nMount options (-o), beside those of mount(8):\n", out);
	opt_print_help(&mount_table, "", out);
	fputs("\nUnmount with umount(8), or fusermount3 -u as an ordinary user.\n", out);
}
