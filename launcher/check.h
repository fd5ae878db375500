/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/check.h - one question about this host, and the answer */
#pragma once

#include <stdbool.h>

enum check_result {
	CHECK_YES,
	CHECK_PARTLY,		/* something is done without it */
	CHECK_NO,
};

struct check_answer {
	enum check_result result;
	char detail[256];	/* what was found */
	char advice[256];	/* what to do about it; "" if nothing */
};

struct check {
	const char *name;
	bool needed;		/* nothing runs without it */
	void (*ask)(struct check_answer *answer);
};

/** check_say() - the answer; @advice may be NULL */
void check_say(struct check_answer *answer, enum check_result result, const char *advice,
	       const char *format, ...) __attribute__((format(printf, 4, 5)));

/**
 * check_in_child() - ask in a process of its own, which may enter namespaces
 * @ask:	its return value comes back, from 0 to 100; a negative errno too
 */
int check_in_child(int (*ask)(void));

/* check_kernel.c */
void check_kernel(struct check_answer *answer);
void check_namespaces(struct check_answer *answer);
void check_seccomp(struct check_answer *answer);
void check_cgroups(struct check_answer *answer);
void check_bridge(struct check_answer *answer);
void check_nat(struct check_answer *answer);

/* check_files.c */
void check_programs(struct check_answer *answer);
void check_fuse(struct check_answer *answer);
void check_fuse_features(struct check_answer *answer);
void check_fuse_uring(struct check_answer *answer);
void check_overlay(struct check_answer *answer);
void check_idmapped(struct check_answer *answer);
void check_data(struct check_answer *answer);

/* check_user.c */
void check_userns(struct check_answer *answer);
void check_subids(struct check_answer *answer);
void check_newuidmap(struct check_answer *answer);
void check_delegation(struct check_answer *answer);
