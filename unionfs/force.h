/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/force.h - what an owner may do only after a chmod
 *
 * Without CAP_DAC_OVERRIDE a mode binds its owner too: a file of mode 0444 cannot be
 * opened for writing again, and takes no user.* attribute. Whether the client may do
 * what it asks for was decided by the mode already; what we must do to an object of
 * the upper layer on its behalf, or for the overlay's own sake, must not fail by it.
 * So the mode is widened for that moment. After a crash in between it stays wide.
 */
#pragma once

#include <sys/types.h>

/** chmod_at() - change a mode, never through a symlink; "" is @dir_fd itself */
int chmod_at(int dir_fd, const char *name, mode_t mode);

/**
 * force_begin() - let the owner read and write an object, and search a directory
 * @ret_mode:	what force_end() restores
 *
 * Return: 0; -EACCES if that would change nothing; -errno.
 */
int force_begin(int dir_fd, const char *name, mode_t *ret_mode);
void force_end(int dir_fd, const char *name, mode_t mode);

/** force_open() - open a regular file of the upper layer; a descriptor or -errno */
int force_open(int dir_fd, const char *name, int flags);
