/* SPDX-License-Identifier: Apache-2.0 */
/* Which upper objects say that they came from which lower ones. Two that say the same are
 * one inode to the kernel, which refuses the second: ESTALE. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "unionfs/fsck_impl.h"
#include "unionfs/union.h"

struct claim {
	uint64_t ino;		/* of the upper object */
	char *path;		/* owned: of the directory it is in */
	char *name;		/* owned */
	struct origin origin;
};

static void claim_free(void *claim)
{
	struct claim *c = claim;

	free(c->path);
	free(c->name);
	free(c);
}

static int compare(const void *a, const void *b)
{
	const struct origin *x = &((const struct claim *)a)->origin;
	const struct origin *y = &((const struct claim *)b)->origin;

	if (x->length != y->length)
		return x->length < y->length ? -1 : 1;
	return memcmp(x->bytes, y->bytes, x->length);
}

/* A new claim, or the one that was there before. */
static struct claim *enter(struct fsck *f, const struct finding *object,
			   const struct origin *origin, uint64_t ino)
{
	struct claim *claim = calloc(1, sizeof(*claim));
	struct claim **found = NULL;

	if (!claim)
		return NULL;
	*claim = (struct claim){ ino, strdup(object->where), strdup(object->name), *origin };
	if (claim->path && claim->name)
		found = tsearch(claim, &f->claims, compare);
	if (!found || *found != claim)
		claim_free(claim);
	return found ? *found : NULL;
}

/* Is it the lower object of that name that it says it came from? */
static int is_rightful(struct fsck *f, const struct below *below, const char *name,
		       const struct origin *origin)
{
	struct origin lower = { 0 };
	int r = -ENOENT;

	for (unsigned i = 0; r == -ENOENT && i < below->count; i++)
		r = origin_of(f->layers->layers[below->parts[i].layer],
			      below->parts[i].fd, name, &lower);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	return lower.length == origin->length &&
	       memcmp(lower.bytes, origin->bytes, lower.length) == 0;
}

static int take_other(struct fsck *f, const struct claim *claim)
{
	const struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};
	cleanup_fd int fd = neg_errno(syscall(SYS_openat2, layer_root_fd(f->upper),
					      *claim->path ? claim->path : ".", &how,
					      sizeof(how)));
	const struct finding finding = {
		.kind = FOUND_SAME_ORIGIN, .dir_fd = fd, .name = claim->name,
		.where = claim->path,
	};

	return fd < 0 ? fd : f->take(f, &finding);
}

int fsck_claim(struct fsck *f, const struct finding *object, const struct below *below,
	       const struct origin *origin, uint64_t ino)
{
	struct claim *claim = enter(f, object, origin, ino);
	int r;

	if (!claim)
		return -ENOMEM;
	if (claim->ino == ino)
		return 0;
	r = is_rightful(f, below, object->name, origin);
	if (r < 0)
		return r;
	return r ? take_other(f, claim) : f->take(f, object);
}

void fsck_claims_done(struct fsck *f)
{
	tdestroy(f->claims, claim_free);
	f->claims = NULL;
}
