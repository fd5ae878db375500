/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/pairing.h"

#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "common/monotonic.h"
#include "common/relax.h"

/* No request for that long ends a turn. */
#define PAUSE_NS INT64_C(1000000)
/* How long others sleep at most while the one with the turn gets nothing done; longer
 * than PAUSE_NS, for the idler may be kept from running. */
#define WAIT_NS INT64_C(5000000)

enum { IDLER_STACK_BYTES = 256 * 1024 };

/* The first version of struct sched_attr; not every libc has it. */
struct scheduling {
	uint32_t size;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

/* The value of the turn that this thread has, 0: none, and what it may use without. */
static _Thread_local uint32_t thread_turn;
static _Thread_local cpu_set_t thread_cpus;

void pairing_init(struct pairing *p, struct load *load, bool wanted)
{
	*p = (struct pairing){ .load = load, .change_fd = -1 };
	sequence_init(&p->sequence);
	if (!wanted || load->cpus != 2)
		return;
	p->change_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	p->possible = p->change_fd >= 0;
}

/* Wherever a thread of this process sleeps. */
static void wake_all(struct pairing *p)
{
	(void)eventfd_write(p->change_fd, 1);	/* fails only at 2^64 */
	(void)syscall(SYS_futex, &p->turn, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static void wait_while(struct pairing *p, uint32_t turn, const struct timespec *at_most)
{
	(void)syscall(SYS_futex, &p->turn, FUTEX_WAIT_PRIVATE, turn, at_most, NULL, 0);
}

static bool is_on(uint32_t turn)
{
	return turn % 2;
}

/* Return: false if another thread was first. */
static bool end_turn(struct pairing *p, uint32_t turn)
{
	if (!atomic_compare_exchange_strong(&p->turn, &turn, turn + 1))
		return false;
	wake_all(p);
	return true;
}

static int stay_on(int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET((size_t)cpu, &one);
	return sched_setaffinity(0, sizeof(one), &one);
}

/* Whoever else wants the CPU has it at once: unlike with nice(2), which lets a thread
 * finish its slice. */
static void give_way(void)
{
	struct scheduling attr = { .size = sizeof(attr), .policy = SCHED_IDLE };

	if (syscall(SYS_sched_setattr, 0, &attr, 0) < 0)
		log_debug("the idler of pairing runs with the usual priority");
}

/* Returns when the turn has ended. */
static void idle_in_turn(struct pairing *p, uint32_t turn)
{
	uint32_t seen = atomic_load_explicit(&p->served, memory_order_relaxed), served;
	int64_t since = monotonic_ns();

	while (atomic_load_explicit(&p->turn, memory_order_relaxed) == turn) {
		relax();
		served = atomic_load_explicit(&p->served, memory_order_relaxed);
		if (served != seen)
			since = monotonic_ns();
		seen = served;
		if (monotonic_ns() - since <= PAUSE_NS && !load_is_high(p->load, 1))
			continue;
		(void)end_turn(p, turn);
	}
}

static void *idle(void *pairing)
{
	struct pairing *p = pairing;
	uint32_t turn;

	give_way();
	while (!atomic_load(&p->is_ending)) {
		turn = atomic_load(&p->turn);
		if (!is_on(turn))
			wait_while(p, turn, NULL);
		else if (stay_on(atomic_load(&p->idler_cpu)) == 0)
			idle_in_turn(p, turn);
		else
			(void)end_turn(p, turn);	/* that CPU is not there any more */
	}
	return NULL;
}

static bool start_idler(struct pairing *p)
{
	pthread_attr_t attr;

	if (p->has_idler)
		return true;
	if (pthread_attr_init(&attr))
		return false;
	(void)pthread_attr_setstacksize(&attr, IDLER_STACK_BYTES);
	p->has_idler = pthread_create(&p->idler, &attr, idle, p) == 0;
	pthread_attr_destroy(&attr);
	return p->has_idler;
}

static int other_cpu(int cpu)
{
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (i != cpu && CPU_ISSET((size_t)i, &thread_cpus))
			return i;
	return cpu;
}

static bool may_use_both(void)
{
	return sched_getaffinity(0, sizeof(thread_cpus), &thread_cpus) == 0 &&
	       CPU_COUNT(&thread_cpus) == 2;
}

/*
 * The caller seldom moves at once. It is here if we were woken by it, and on the other
 * CPU if we spun: what was wrong last time is not tried again.
 */
static int choose_cpu(const struct pairing *p)
{
	int cpu = sched_getcpu();

	return sequence_failures(&p->sequence) % 2 ? other_cpu(cpu) : cpu;
}

/* One thread at a time comes here: the one with SEQUENCE_PAIR. */
static bool begin(struct pairing *p)
{
	int cpu;

	if (load_is_high(p->load, 0) || !may_use_both() || !start_idler(p) ||
	    stay_on(cpu = choose_cpu(p)) < 0) {
		sequence_end(&p->sequence);
		return false;
	}
	atomic_store(&p->idler_cpu, other_cpu(cpu));
	thread_turn = atomic_fetch_add(&p->turn, 1) + 1;
	wake_all(p);
	return true;
}

static void leave(struct pairing *p)
{
	thread_turn = 0;
	(void)sched_setaffinity(0, sizeof(thread_cpus), &thread_cpus);
	sequence_end(&p->sequence);
}

bool pairing_note(struct pairing *p, uint32_t pid, uint32_t bytes)
{
	if (!p->possible)
		return false;
	switch (sequence_note(&p->sequence, pid, bytes, monotonic_ns())) {
	case SEQUENCE_GO_ON:
		break;
	case SEQUENCE_PAIR:
		return begin(p);
	case SEQUENCE_PART:
		pairing_end(p);
		return false;
	}
	if (thread_turn)
		atomic_fetch_add_explicit(&p->served, 1, memory_order_relaxed);
	return false;
}

bool pairing_has_turn(struct pairing *p)
{
	if (!thread_turn)
		return false;
	if (atomic_load(&p->turn) == thread_turn)
		return true;
	leave(p);
	return false;
}

int pairing_change_fd(const struct pairing *p)
{
	return p->change_fd;
}

void pairing_end(struct pairing *p)
{
	if (!thread_turn)
		return;
	(void)end_turn(p, thread_turn);
	leave(p);
}

void pairing_wait(struct pairing *p)
{
	static const struct timespec a_while = { .tv_nsec = WAIT_NS };
	uint32_t turn = atomic_load(&p->turn), served;

	while (is_on(turn)) {
		served = atomic_load_explicit(&p->served, memory_order_relaxed);
		wait_while(p, turn, &a_while);
		turn = atomic_load(&p->turn);
		if (served == atomic_load_explicit(&p->served, memory_order_relaxed))
			return;
	}
}

void pairing_done(struct pairing *p)
{
	if (p->has_idler) {
		atomic_store(&p->is_ending, true);
		atomic_fetch_add(&p->turn, 2);
		wake_all(p);
		pthread_join(p->idler, NULL);
		p->has_idler = false;
	}
	if (p->change_fd >= 0)
		close(p->change_fd);
	p->change_fd = -1;
}
