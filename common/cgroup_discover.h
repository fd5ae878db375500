/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/cgroup_discover.h - what libcgroup finds mounted
 *
 * Apart from cgroup.h, whose names libcgroup's headers use for other things.
 */
#pragma once

/**
 * cgroup_discover() - every controller that a mounted hierarchy serves
 * @found:	called with a controller's name and the mount point of its hierarchy
 *
 * Only the host that runs this program can be asked, and only before there are
 * threads: libcgroup keeps what it found in one table per process.
 *
 * Return: 0; -ENOENT if no hierarchy is mounted; -EIO if libcgroup cannot read
 * what is.
 */
int cgroup_discover(void (*found)(void *arg, const char *controller,
				  const char *mountpoint),
		    void *arg);
