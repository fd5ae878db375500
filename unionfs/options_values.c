/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "unionfs/options_values.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "unionfs/options.h"

struct word {
	const char *text;
	int meaning;
};

#define WORDS(...)                                                             \
	(const struct word[]){ __VA_ARGS__ },                                  \
		sizeof((const struct word[]){ __VA_ARGS__ }) / sizeof(struct word)

/* Return: the meaning, not negative; -EINVAL with the known words in @error. */
static int look_up(const char *value, const struct word *words, size_t count,
		   struct opt_error *error)
{
	cleanup_buf struct buf known = BUF_INIT;

	for (size_t i = 0; i < count; i++) {
		if (strcmp(words[i].text, value) == 0)
			return words[i].meaning;
		buf_addf(&known, "%s%s", i ? ", " : "", words[i].text);
	}
	return opt_error_set(error, "'%s' is not one of: %s", value, buf_text(&known));
}

/* The fields are enums, whose size is an int's; bools are not. */
#define DEFINE_ENUM(name, type, ...)                                           \
	int name(const char *value, void *field, struct opt_error *error)      \
	{                                                                      \
		int r = look_up(value, WORDS(__VA_ARGS__), error);             \
                                                                               \
		if (r < 0)                                                     \
			return r;                                              \
		*(type *)field = r;                                            \
		return 0;                                                      \
	}

DEFINE_ENUM(parse_bool, bool, { "on", 1 }, { "off", 0 }, { "1", 1 }, { "0", 0 })

DEFINE_ENUM(parse_auto, enum auto_switch, { "auto", SWITCH_AUTO },
	    { "on", SWITCH_ON }, { "off", SWITCH_OFF })

DEFINE_ENUM(parse_data, enum data_path, { "auto", DATA_AUTO },
	    { "cached", DATA_CACHED }, { "passthrough", DATA_PASSTHROUGH },
	    { "all", DATA_PASSTHROUGH_ALL })

/* "off" is what fuse-overlayfs is given; the kernel's own "off" follows as well. */
DEFINE_ENUM(parse_redirect_dir, enum redirect_dir, { "on", REDIRECT_DIR_ON },
	    { "follow", REDIRECT_DIR_FOLLOW }, { "off", REDIRECT_DIR_FOLLOW },
	    { "nofollow", REDIRECT_DIR_NOFOLLOW })

DEFINE_ENUM(parse_verity, enum verity, { "off", VERITY_OFF }, { "on", VERITY_ON },
	    { "require", VERITY_REQUIRE })

DEFINE_ENUM(parse_whiteout, enum whiteout_form, { "auto", WHITEOUT_AUTO },
	    { "overlay", WHITEOUT_OVERLAY }, { "aufs", WHITEOUT_AUFS })

DEFINE_ENUM(parse_xattr_permissions, enum xattr_permissions,
	    { "0", XATTR_PERMISSIONS_NONE }, { "1", XATTR_PERMISSIONS_PRIVILEGED },
	    { "2", XATTR_PERMISSIONS_USER })

DEFINE_ENUM(parse_uuid, enum auto_switch, { "auto", SWITCH_AUTO },
	    { "on", SWITCH_ON }, { "off", SWITCH_OFF }, { "null", SWITCH_AUTO })

/* "volatile" is the kernel's newer name for the option of that name. */
int parse_fsync(const char *value, void *field, struct opt_error *error)
{
	struct options *o = field;
	int r = look_up(value, WORDS({ "1", 1 }, { "0", 0 }, { "auto", 1 },
				     { "strict", 1 }, { "volatile", 2 }), error);

	if (r < 0)
		return r;
	o->fsync = r == 1;
	o->is_volatile |= r == 2;
	return 0;
}

int parse_noacl(const char *value, void *field, struct opt_error *error)
{
	*(enum auto_switch *)field = SWITCH_OFF;
	return 0;
}

int parse_timeout(const char *value, void *field, struct opt_error *error)
{
	double seconds;
	char *end;

	seconds = strtod(value, &end);
	if (end == value || *end || !isfinite(seconds) || seconds < 0)
		return opt_error_set(error, "'%s' is not a number of seconds", value);
	*(double *)field = seconds;
	return 0;
}

static int parse_id(const char *value, unsigned *ret, struct opt_error *error)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(value, &end, 10);
	if (!isdigit((unsigned char)*value) || *end || errno || n >= UINT32_MAX)
		return opt_error_set(error, "'%s' is not a user or group id", value);
	*ret = n;
	return 0;
}

/* An id given by number wins over root, whichever comes first. */
int parse_squash_to_root(const char *value, void *field, struct opt_error *error)
{
	struct options *o = field;

	o->squashes_uid = o->squashes_gid = true;
	return 0;
}

int parse_squash_uid(const char *value, void *field, struct opt_error *error)
{
	struct options *o = field;

	o->squashes_uid = true;
	return parse_id(value, &o->squash_uid, error);
}

int parse_squash_gid(const char *value, void *field, struct opt_error *error)
{
	struct options *o = field;

	o->squashes_gid = true;
	return parse_id(value, &o->squash_gid, error);
}
