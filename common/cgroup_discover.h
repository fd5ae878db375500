/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/cgroup_discover.h - what libcgroup finds mounted
 *
 * For daemons, and where a controller was not found otherwise: libcgroup clears
 * more than two megabytes first, and a container's start would wait for that.
 * Apart from cgroup.h, whose names libcgroup's headers use for other things.
 */
#pragma once

struct cgroup_layout;

/**
 * cgroup_discover() - add the controllers that only libcgroup finds a hierarchy for
 *
 * Only the host that runs this program can be asked, and only before there are
 * threads: libcgroup keeps what it found in one table per process.
 *
 * Return: 0; -ENOENT if no hierarchy is mounted; -EIO if libcgroup cannot read
 * what is.
 */
int cgroup_discover(struct cgroup_layout *layout);
