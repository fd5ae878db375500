/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/sequence.h"

#include <sched.h>

/* Requests further apart are not dense; a longer pause counts as that long. */
#define DENSE_NS	INT64_C(150000)
#define PAUSE_NS	INT64_C(250000)

enum {
	SCORE_TO_PAIR = 16,
	SCORE_MAX = 24,
	SCORE_SAME_PID = 1,
	SCORE_OTHER_PID = -4,
	SCORE_MUCH_DATA = -8,
	MUCH_DATA_BYTES = 32 * 1024,
	PERIOD_WEIGHT = 8,		/* the average is over about so many */
	WORTH_REQUESTS = 64,		/* to begin and end costs as much as some */
	QUICK_OF_THEM = WORTH_REQUESTS / 4,	/* the caller may have its own work */
	HOLD_OFF = 16,			/* doubled with each failure */
	FAILURES_MAX = 8,
};

void sequence_init(struct sequence *s)
{
	*s = (struct sequence){ .busy = ATOMIC_FLAG_INIT };
}

static void note_time(struct sequence *s, int64_t now_ns)
{
	int64_t gap = now_ns - s->last_ns;

	s->last_ns = now_ns;
	if (s->paired) {
		s->quick += gap < s->before_ns;
		return;
	}
	if (gap > PAUSE_NS)
		gap = PAUSE_NS;
	s->before_ns += (gap - s->before_ns) / PERIOD_WEIGHT;
}

static void note_caller(struct sequence *s, uint32_t pid, uint32_t bytes)
{
	if (bytes > MUCH_DATA_BYTES)
		s->score += SCORE_MUCH_DATA;
	else if (pid)
		s->score += pid == s->pid ? SCORE_SAME_PID : SCORE_OTHER_PID;
	if (pid)
		s->pid = pid;
	if (s->score < 0)
		s->score = 0;
	if (s->score > SCORE_MAX)
		s->score = SCORE_MAX;
}

/* Paired or not, it takes as long: then rather without. Looked at now and then. */
static bool is_in_vain(struct sequence *s)
{
	if (s->served % WORTH_REQUESTS)
		return false;
	s->worth_it = s->quick >= QUICK_OF_THEM;
	s->quick = 0;
	return !s->worth_it;
}

static enum sequence_advice advise(struct sequence *s)
{
	if (s->paired) {
		s->served++;
		return is_in_vain(s) || !s->score ? SEQUENCE_PART : SEQUENCE_GO_ON;
	}
	if (s->hold_off > 0) {
		s->hold_off--;
		return SEQUENCE_GO_ON;
	}
	if (s->score < SCORE_TO_PAIR || s->before_ns > DENSE_NS)
		return SEQUENCE_GO_ON;
	s->paired = true;
	s->worth_it = false;
	s->served = s->quick = 0;
	return SEQUENCE_PAIR;
}

enum sequence_advice sequence_note(struct sequence *s, uint32_t pid, uint32_t bytes,
				   int64_t now_ns)
{
	enum sequence_advice advice;

	if (atomic_flag_test_and_set_explicit(&s->busy, memory_order_acquire))
		return SEQUENCE_GO_ON;
	note_time(s, now_ns);
	note_caller(s, pid, bytes);
	advice = advise(s);
	atomic_flag_clear_explicit(&s->busy, memory_order_release);
	return advice;
}

void sequence_end(struct sequence *s)
{
	while (atomic_flag_test_and_set_explicit(&s->busy, memory_order_acquire))
		sched_yield();	/* another thread is at a few instructions */
	if (s->worth_it)
		s->failures = 0;
	else if (s->served && s->failures < FAILURES_MAX)
		s->failures++;
	s->hold_off = HOLD_OFF << s->failures;
	s->score = 0;
	s->paired = false;
	atomic_flag_clear_explicit(&s->busy, memory_order_release);
}
