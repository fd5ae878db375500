/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unionfs/fsck.h - looking for what is wrong in an upper layer, and mending it
 */
#pragma once

/* As fsck(8) returns them; the first ones are added up. */
enum fsck_status {
	FSCK_CLEAN = 0,
	FSCK_MENDED = 1,
	FSCK_LEFT = 4,		/* something is wrong, and was left so */
	FSCK_FAILED = 8,	/* nobody knows: it could not be looked at */
	FSCK_USAGE = 16,
};

/**
 * fsck_main() - "nacre-unionfs fsck"
 * @argc, @argv: the words behind it
 *
 * Return: the exit status, enum fsck_status.
 */
int fsck_main(int argc, char **argv);
