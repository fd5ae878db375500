/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/pairing.h - a serving thread and its caller take turns on one CPU
 *
 * How it works. A caller waits for its answer, and we wait for its next request: only
 * one of the two ever runs. The scheduler nevertheless gives each a CPU of its own, and
 * each of the two wake-ups that a request takes goes to a CPU that is asleep. Where that
 * one is virtual and halted, it costs 25 to 35 microseconds; on one CPU, 2.
 *
 * So on machines with two CPUs, once requests come densely and one at a time
 * (sequence.h), the thread that serves them ties itself to one CPU: it has the turn. The
 * scheduler has the caller follow, unless the other CPU is idle; that it is not sees
 * another thread to, the idler, which runs there and gives way to everybody (SCHED_IDLE).
 * It ends the turn when no request came for a while, or when others need the CPUs.
 * Meanwhile the other serving threads sleep, so that they are not woken for requests in
 * vain; they go on when the turn ends, or when the thread with it is held up.
 *
 * Nobody but this process is touched, and between turns no thread of it runs.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/load.h"
#include "common/sequence.h"

struct pairing {
	bool possible;			/* there are two CPUs */
	struct load *load;		/* lent */
	struct sequence sequence;
	_Atomic uint32_t turn;		/* a futex; odd while a thread has the turn */
	_Atomic uint32_t served;	/* requests, in turns */
	_Atomic int idler_cpu;
	_Atomic bool is_ending;
	int change_fd;			/* owned, an eventfd: see pairing_change_fd() */
	bool has_idler;
	pthread_t idler;
};

/**
 * pairing_init() - find out whether it can be done
 * @load:	lent until pairing_done()
 * @wanted:	false: do as if it could not
 */
void pairing_init(struct pairing *p, struct load *load, bool wanted);

/** pairing_done() - no thread serves any more; the idler ends */
void pairing_done(struct pairing *p);

/**
 * pairing_note() - the calling thread received a request
 * @pid, @bytes: see sequence_note()
 *
 * Return: true if the thread now has the turn, and did not before.
 */
bool pairing_note(struct pairing *p, uint32_t pid, uint32_t bytes);

/** pairing_has_turn() - whether the calling thread has the turn; false also right after
 *	the idler ended it, and then the thread may use all its CPUs again */
bool pairing_has_turn(struct pairing *p);

/** pairing_change_fd() - an eventfd, lent, for EPOLLET: a turn has begun or ended. -1: that
 *	never happens */
int pairing_change_fd(const struct pairing *p);

/** pairing_end() - the calling thread gives the turn back, if it has it */
void pairing_end(struct pairing *p);

/**
 * pairing_wait() - sleep while another thread has the turn
 *
 * Returns also when that one has received nothing for some milliseconds.
 */
void pairing_wait(struct pairing *p);
