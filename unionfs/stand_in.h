/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/stand_in.h - a directory in the work directory to make objects in
 *
 * It passes on to them what the upper directory would that they are meant for: its
 * group, its setgid bit, its default ACL.
 */
#pragma once

#include "unionfs/workdir.h"

/**
 * stand_in_make() - make one
 * @ret_name:	set as soon as there is one to remove, also with an error
 *
 * Return: its descriptor; -ENODATA if the upper directory passes on nothing, so that
 * the work directory itself will do; -errno.
 */
int stand_in_make(struct workdir *work, int upper_dir_fd,
		  char ret_name[TEMP_NAME_SIZE]);
