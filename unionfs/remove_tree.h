/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/remove_tree.h - removing whatever is at a name
 */
#pragma once

/**
 * remove_tree() - remove an object, and everything below if it is a directory
 * @dir_fd:	the directory that holds it
 * @name:	one component
 *
 * Nothing is followed and no mount is crossed. Directories that forbid entry to
 * their owner are opened up. Depth costs neither stack nor descriptors: what lies
 * too deep is first moved up to the top of the tree.
 *
 * Return: 0, also if nothing was there; -errno of the first thing that stayed.
 */
int remove_tree(int dir_fd, const char *name);

/** remove_contents() - the same for everything inside a directory */
int remove_contents(int dir_fd);
