/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "unionfs/layers.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "unionfs/index.h"
#include "unionfs/override.h"
#include "unionfs/private_mount.h"

/* Fills the text and hands the error on. */
static int fail(struct opt_error *error, int r, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static int fail(struct opt_error *error, int r, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return r;
}

static int fail_open(struct opt_error *error, int r, const char *option,
		     const char *path)
{
	switch (r) {
	case -ENOENT:
		return fail(error, r, "%s '%s' does not exist\nMake the directory first, or correct the path.",
			    option, path);
	case -ENOTDIR:
		return fail(error, r, "%s '%s' is not a directory\nA layer is a directory tree; unpack archives and mount images first.",
			    option, path);
	case -EACCES:
		return fail(error, r, "%s '%s' cannot be read\nAllow this user to read and search it and the directories above.",
			    option, path);
	case -EMFILE:
		return fail(error, r, "%s '%s' cannot be opened: too many open files\nRaise the limit (ulimit -n) above the number of layers.",
			    option, path);
	default:
		return fail(error, r, "%s '%s' cannot be opened: %s\nCorrect this and mount again.",
			    option, path, strerror(-r));
	}
}

static int fail_workdir(struct opt_error *error, int r, const struct options *o)
{
	switch (r) {
	case -EXDEV:
		return fail(error, r, "upperdir '%s' and workdir '%s' are on different filesystems\nPut workdir beside upperdir: copy-up renames from one into the other.",
			    o->upperdir, o->workdir);
	case -EINVAL:
		return fail(error, r, "upperdir '%s' and workdir '%s' lie one inside the other\nPut workdir beside upperdir.",
			    o->upperdir, o->workdir);
	case -EBUSY:
		return fail(error, r, "upperdir '%s' or workdir '%s' is in use by another union\nUnmount that one first, or use an upperdir of this union's own.",
			    o->upperdir, o->workdir);
	case -ENOTRECOVERABLE:
		return fail(error, r, "workdir '%s' is marked unfit for use: a volatile mount may have lost writes, or a feature unknown here was used\nStart again with an empty upperdir, or if you know better remove '%s/work/incompat'.",
			    o->workdir, o->workdir);
	default:
		return fail_open(error, r, "workdir", o->workdir);
	}
}

/* Without the id, records name files of any filesystem, as the kernel's do then. */
static void set_uuid(struct layer_traits *traits, const struct options *o)
{
	if (o->uuid == SWITCH_OFF)
		memset(traits->uuid, 0, sizeof(traits->uuid));
}

struct opening {
	struct layers *layers;
	const struct options *options;
	struct private_mounts mounts;
	struct opt_error *error;
};

static int open_lower(struct opening *w, const char *path, enum layer_role role)
{
	struct layers *l = w->layers;
	const struct options *o = w->options;
	struct opt_error *error = w->error;
	struct layer **slot = &l->lowers[l->lower_count + l->data_count];
	struct layer_traits traits;
	int r = layer_open_sharing(path, role, &w->mounts, slot);

	if (r < 0)
		return fail_open(error, r, role == LAYER_DATA_ONLY ? "data-only lowerdir" :
								    "lowerdir", path);

	traits = *layer_traits(*slot);
	traits.has_aufs_marks = o->whiteout != WHITEOUT_OVERLAY;
	traits.override_attr = override_detect(layer_root_fd(*slot));
	set_uuid(&traits, o);
	layer_set_traits(*slot, &traits);
	if (role == LAYER_DATA_ONLY)
		l->data_count++;
	else
		l->lower_count++;
	return 0;
}

static int open_lowers(struct layers *l, const struct options *o,
		       const struct opt_list *lower, const struct opt_list *data,
		       struct opt_error *error)
{
	struct opening w = { .layers = l, .options = o, .error = error };
	int r = 0;

	/* One more than named: a read-only upper joins them. */
	l->lowers = calloc(lower->count + data->count + 1, sizeof(struct layer *));
	if (!l->lowers)
		return fail(error, -ENOMEM, "out of memory\nFree some and mount again.");

	if (o->upperdir && !l->upper)
		r = open_lower(&w, o->upperdir, LAYER_LOWER);
	for (size_t i = 0; r == 0 && i < lower->count; i++)
		r = open_lower(&w, lower->items[i], LAYER_LOWER);
	for (size_t i = 0; r == 0 && i < data->count; i++)
		r = open_lower(&w, data->items[i], LAYER_DATA_ONLY);
	private_mounts_done(&w.mounts);
	return r;
}

/* Once an upper layer keeps owners so, it does even if the option is forgotten. */
static int set_up_override(struct layer *upper, const struct options *o,
			   struct opt_error *error)
{
	struct layer_traits traits = *layer_traits(upper);
	int r;

	set_uuid(&traits, o);
	traits.override_attr = override_attr(o->xattr_permissions);
	if (!traits.override_attr)
		traits.override_attr = override_detect(layer_root_fd(upper));
	layer_set_traits(upper, &traits);

	r = override_init_root(upper);
	if (r < 0)
		return fail(error, r, "upperdir '%s' cannot keep owners in attribute %s: %s\nUse a filesystem with such attributes, or leave out xattr_permissions.",
			    o->upperdir, traits.override_attr, strerror(-r));
	return 0;
}

static int open_upper(struct layers *l, const struct options *o,
		      struct opt_error *error)
{
	const struct workdir_options options = {
		.ns = options_ns(o),
		.aufs_whiteouts = o->whiteout == WHITEOUT_AUFS,
		.is_volatile = o->is_volatile,
		.skips_fsync = !o->fsync,
		.squashes_owner = o->squashes_uid || o->squashes_gid,
		.is_handed_over = o->is_handed_over,
		.index = o->index != SWITCH_OFF,
	};
	struct private_mounts mounts = { .writable = true };
	int r;

	if (!o->upperdir || o->read_only)
		return 0;
	r = layer_open_sharing(o->upperdir, LAYER_UPPER, &mounts, &l->upper);
	if (r < 0) {
		private_mounts_done(&mounts);
		return fail_open(error, r, "upperdir", o->upperdir);
	}

	r = workdir_open(o->workdir, l->upper, &mounts, &options, &l->work);
	private_mounts_done(&mounts);
	if (r == -EROFS) {
		l->upper = layer_close(l->upper);
		return 0;
	}
	return r < 0 ? fail_workdir(error, r, o) : set_up_override(l->upper, o, error);
}

/* Something that is written to, besides the lower layers. */
struct written {
	const char *option, *path;
	struct ancestry at;
};

static int find_written(struct written *w, struct opt_error *error)
{
	cleanup_fd int fd = neg_errno(open(w->path, O_PATH | O_DIRECTORY | O_CLOEXEC));
	int r = fd < 0 ? fd : ancestry_of(fd, &w->at);

	return r < 0 ? fail_open(error, r, w->option, w->path) : 0;
}

/*
 * A lower layer that holds the upper one, or the reverse, would change while it is
 * mounted. By path: the layer's own descriptor may not see above its root.
 */
static int check_apart(const struct layer *lower, const struct written w[2],
		       struct opt_error *error)
{
	cleanup_fd int fd = neg_errno(open(layer_path(lower), O_PATH | O_DIRECTORY |
					   O_CLOEXEC));
	cleanup_ancestry struct ancestry at = { 0 };
	int r = fd < 0 ? fd : ancestry_of(fd, &at);

	if (r < 0)
		return fail_open(error, r, "lowerdir", layer_path(lower));
	for (unsigned i = 0; i < 2; i++) {
		if (ancestry_is_within(&w[i].at, &at))
			return fail(error, -ELOOP, "%s '%s' is the same as or inside lowerdir '%s'\nPut it elsewhere: a lower layer must not change while it is mounted.",
				    w[i].option, w[i].path, layer_path(lower));
		if (ancestry_is_within(&at, &w[i].at))
			return fail(error, -ELOOP, "lowerdir '%s' is inside %s '%s'\nPut it elsewhere: a lower layer must not change while it is mounted.",
				    layer_path(lower), w[i].option, w[i].path);
	}
	return 0;
}

static int check_all_apart(const struct layers *l, const struct options *o,
			   struct opt_error *error)
{
	struct written w[2] = { { .option = "upperdir", .path = o->upperdir },
				{ .option = "workdir", .path = o->workdir } };
	int r;

	if (!l->upper)
		return 0;
	r = find_written(&w[0], error);
	if (r == 0)
		r = find_written(&w[1], error);
	for (size_t i = 0; r == 0 && i < l->lower_count + l->data_count; i++)
		r = check_apart(l->lowers[i], w, error);
	ancestry_done(&w[0].at);
	ancestry_done(&w[1].at);
	return r;
}

static int prepare_index(struct layers *l, const struct options *o,
			 struct opt_error *error)
{
	int r;

	if (!l->work)
		return 0;
	if (o->index == SWITCH_ON && workdir_index_fd(l->work) < 0)
		return fail(error, -EOPNOTSUPP, "index=on needs extended attributes and file handles, which upperdir '%s' lacks\nUse another filesystem, or index=auto.",
			    o->upperdir);
	r = index_prepare(l->work, l->lowers, l->lower_count);
	/* Not asked for by name: the upper is usable, its index is not. */
	if (r == -ESTALE && o->index == SWITCH_AUTO) {
		workdir_drop_index(l->work);
		return 0;
	}
	if (r == -ESTALE)
		return fail(error, r, "upperdir '%s' was used with other lower layers than '%s'\nMount it with those again, or with index=off: then hard links of lower files may come apart.",
			    o->upperdir, layer_path(l->lowers[0]));
	return r < 0 ? fail_open(error, r, "the index of workdir", o->workdir) : 0;
}

int layers_open(const struct options *o, struct layers *ret, struct opt_error *error)
{
	struct opt_list lower = { 0 };
	struct opt_list data = { 0 };
	struct layers l = { 0 };
	int r;

	r = options_layers(o, &lower, &data, error);
	if (r == -ENOMEM)
		return fail(error, r, "out of memory\nFree some and mount again.");
	if (r < 0)
		return r;

	r = open_upper(&l, o, error);
	if (r == 0)
		r = open_lowers(&l, o, &lower, &data, error);
	if (r == 0)
		r = check_all_apart(&l, o, error);
	if (r == 0)
		r = prepare_index(&l, o, error);
	opt_list_done(&lower);
	opt_list_done(&data);
	if (r < 0) {
		layers_close(&l);
		return r;
	}
	*ret = l;
	return 0;
}

void layers_close(struct layers *l)
{
	for (size_t i = 0; i < l->lower_count + l->data_count; i++)
		layer_close(l->lowers[i]);
	free(l->lowers);
	workdir_close(l->work);
	layer_close(l->upper);
	*l = (struct layers){ 0 };
}
