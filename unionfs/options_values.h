/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/options_values.h - readers of the values that mount options take
 *
 * Each is an OPT_PARSE function: it reads @value into @field, or says in @error
 * which words it knows and returns -EINVAL.
 */
#pragma once

#include "common/opt.h"

int parse_bool(const char *value, void *field, struct opt_error *error);
int parse_auto(const char *value, void *field, struct opt_error *error);
int parse_noacl(const char *value, void *field, struct opt_error *error);
int parse_data(const char *value, void *field, struct opt_error *error);
int parse_redirect_dir(const char *value, void *field, struct opt_error *error);
int parse_verity(const char *value, void *field, struct opt_error *error);
int parse_whiteout(const char *value, void *field, struct opt_error *error);
int parse_xattr_permissions(const char *value, void *field, struct opt_error *error);
int parse_uuid(const char *value, void *field, struct opt_error *error);
int parse_timeout(const char *value, void *field, struct opt_error *error);

/* Their field is the whole struct options. */
int parse_fsync(const char *value, void *field, struct opt_error *error);
int parse_squash_to_root(const char *value, void *field, struct opt_error *error);
int parse_squash_uid(const char *value, void *field, struct opt_error *error);
int parse_squash_gid(const char *value, void *field, struct opt_error *error);
