/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/sequence.h - whether requests come from one caller after another
 *
 * How it works. Who waits for each of its answers before it asks again leaves its pid
 * on one request after the other. A score counts them; each change of pid takes several
 * points away, so that two who ask at the same time never reach the goal, and a series
 * of short-lived processes does. What moves much data takes points away, too: there the
 * kernel's copying and ours should go on at the same time.
 *
 * Once the score is high and the requests are dense, pairing (pairing.h) is worth a try.
 * Whether it was is measured: by the time from one request to the next.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct sequence {
	atomic_flag busy;		/* guards the rest; who finds it set goes away */
	bool paired;
	uint32_t pid;			/* of the last request */
	int score;
	int64_t last_ns;		/* when it came */
	int64_t before_ns;		/* from one to the next while not paired, on
					   average of late */
	unsigned served;		/* since pairing began */
	unsigned quick;			/* of the last of those: sooner than before */
	bool worth_it;			/* enough of those were quick */
	unsigned hold_off;		/* requests to come before the next try */
	unsigned failures;		/* tries in a row that were not worth it */
};

enum sequence_advice {
	SEQUENCE_GO_ON,
	SEQUENCE_PAIR,			/* to one thread only, until sequence_end() */
	SEQUENCE_PART,			/* it is not worth it any more */
};

/** sequence_init() - no request came yet */
void sequence_init(struct sequence *s);

/**
 * sequence_note() - a request came
 * @pid:	of who asks; 0: the kernel itself, or one in another PID namespace
 * @bytes:	of the data that it moves
 * @now_ns:	of any clock that is steady
 *
 * For any thread. Return: what to do now.
 */
enum sequence_advice sequence_note(struct sequence *s, uint32_t pid, uint32_t bytes,
				   int64_t now_ns);

/** sequence_end() - pairing has ended, or could not begin */
void sequence_end(struct sequence *s);

/** sequence_failures() - tries in a row that were not worth it; for the thread that is
 *	to pair */
static inline unsigned sequence_failures(const struct sequence *s)
{
	return s->failures;
}
