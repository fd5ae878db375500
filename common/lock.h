/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/lock.h - mutexes and read-write locks that clang can check
 *
 * Thin wrappers of pthread's, which cannot fail when used rightly, so they
 * return nothing: a failure is a bug and ends the program. The annotations
 * are read by clang -Wthread-safety; gcc sees plain functions.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#if defined(__clang__)
#define THREAD_ATTR(x) __attribute__((x))
#else
#define THREAD_ATTR(x)
#endif

#define CAPABILITY(x)		  THREAD_ATTR(capability(x))
#define ASSERT_HELD(...)	  THREAD_ATTR(assert_capability(__VA_ARGS__))
#define ASSERT_HELD_SHARED(...)	  THREAD_ATTR(assert_shared_capability(__VA_ARGS__))
/* In C, clang before 20 cannot name a sibling member here: it only documents. */
#define GUARDED_BY(x)
#define REQUIRES(...)		  THREAD_ATTR(requires_capability(__VA_ARGS__))
#define REQUIRES_SHARED(...)	  THREAD_ATTR(requires_shared_capability(__VA_ARGS__))
#define ACQUIRE(...)		  THREAD_ATTR(acquire_capability(__VA_ARGS__))
#define ACQUIRE_SHARED(...)	  THREAD_ATTR(acquire_shared_capability(__VA_ARGS__))
#define RELEASE(...)		  THREAD_ATTR(release_capability(__VA_ARGS__))
#define RELEASE_SHARED(...)	  THREAD_ATTR(release_shared_capability(__VA_ARGS__))
#define EXCLUDES(...)		  THREAD_ATTR(locks_excluded(__VA_ARGS__))
#define NO_THREAD_SAFETY_ANALYSIS THREAD_ATTR(no_thread_safety_analysis)

struct CAPABILITY("mutex") lock {
	pthread_mutex_t mutex;
};

struct CAPABILITY("rwlock") rwlock {
	pthread_rwlock_t rwlock;
};

#define LOCK_INIT   { PTHREAD_MUTEX_INITIALIZER }
#define RWLOCK_INIT { PTHREAD_RWLOCK_INITIALIZER }

static inline void lock_must_(int error)
{
	if (error)
		abort();
}

static inline void lock_init(struct lock *l)
{
	lock_must_(pthread_mutex_init(&l->mutex, NULL));
}

static inline void lock_done(struct lock *l)
{
	lock_must_(pthread_mutex_destroy(&l->mutex));
}

static inline void lock_take(struct lock *l)
	ACQUIRE(*l) NO_THREAD_SAFETY_ANALYSIS;
static inline void lock_take(struct lock *l)
{
	lock_must_(pthread_mutex_lock(&l->mutex));
}

/** lock_try() - take it if nobody has it; the analysis does not see this one */
static inline bool lock_try(struct lock *l)
{
	return pthread_mutex_trylock(&l->mutex) == 0;
}

static inline void lock_drop(struct lock *l)
	RELEASE(*l) NO_THREAD_SAFETY_ANALYSIS;
static inline void lock_drop(struct lock *l)
{
	lock_must_(pthread_mutex_unlock(&l->mutex));
}

/** lock_wait() - wait on @cond with @l held; spurious wake-ups happen */
static inline void lock_wait(struct lock *l, pthread_cond_t *cond)
	REQUIRES(*l) NO_THREAD_SAFETY_ANALYSIS;
static inline void lock_wait(struct lock *l, pthread_cond_t *cond)
{
	lock_must_(pthread_cond_wait(cond, &l->mutex));
}

static inline void rwlock_init(struct rwlock *l)
{
	lock_must_(pthread_rwlock_init(&l->rwlock, NULL));
}

static inline void rwlock_done(struct rwlock *l)
{
	lock_must_(pthread_rwlock_destroy(&l->rwlock));
}

static inline void rwlock_take_read(struct rwlock *l)
	ACQUIRE_SHARED(*l) NO_THREAD_SAFETY_ANALYSIS;
static inline void rwlock_take_read(struct rwlock *l)
{
	lock_must_(pthread_rwlock_rdlock(&l->rwlock));
}

static inline void rwlock_take_write(struct rwlock *l)
	ACQUIRE(*l) NO_THREAD_SAFETY_ANALYSIS;
static inline void rwlock_take_write(struct rwlock *l)
{
	lock_must_(pthread_rwlock_wrlock(&l->rwlock));
}

static inline void rwlock_drop_read(struct rwlock *l)
	RELEASE_SHARED(*l) NO_THREAD_SAFETY_ANALYSIS;
static inline void rwlock_drop_read(struct rwlock *l)
{
	lock_must_(pthread_rwlock_unlock(&l->rwlock));
}

static inline void rwlock_drop_write(struct rwlock *l)
	RELEASE(*l) NO_THREAD_SAFETY_ANALYSIS;
static inline void rwlock_drop_write(struct rwlock *l)
{
	lock_must_(pthread_rwlock_unlock(&l->rwlock));
}

/** rwlock_assert_held() - tell the analysis what it cannot follow, through a callback */
static inline void rwlock_assert_held(struct rwlock *l) ASSERT_HELD(*l);
static inline void rwlock_assert_held(struct rwlock *l)
{
	(void)l;
}

/*
 * The scope forms: taken here, dropped on every way out. clang's analysis does
 * not follow __attribute__((cleanup)) in C, so it is told that the lock is
 * held from here on, and not asked whether it is dropped.
 */
static inline struct lock *lock_scope_begin_(struct lock *l)
	ASSERT_HELD(*l) NO_THREAD_SAFETY_ANALYSIS;
static inline struct lock *lock_scope_begin_(struct lock *l)
{
	lock_take(l);
	return l;
}

static inline struct rwlock *rwlock_read_scope_begin_(struct rwlock *l)
	ASSERT_HELD_SHARED(*l) NO_THREAD_SAFETY_ANALYSIS;
static inline struct rwlock *rwlock_read_scope_begin_(struct rwlock *l)
{
	rwlock_take_read(l);
	return l;
}

static inline struct rwlock *rwlock_write_scope_begin_(struct rwlock *l)
	ASSERT_HELD(*l) NO_THREAD_SAFETY_ANALYSIS;
static inline struct rwlock *rwlock_write_scope_begin_(struct rwlock *l)
{
	rwlock_take_write(l);
	return l;
}

static inline void lock_scope_end_(struct lock **l) NO_THREAD_SAFETY_ANALYSIS;
static inline void lock_scope_end_(struct lock **l)
{
	lock_drop(*l);
}

static inline void rwlock_read_scope_end_(struct rwlock **l)
	NO_THREAD_SAFETY_ANALYSIS;
static inline void rwlock_read_scope_end_(struct rwlock **l)
{
	rwlock_drop_read(*l);
}

static inline void rwlock_write_scope_end_(struct rwlock **l)
	NO_THREAD_SAFETY_ANALYSIS;
static inline void rwlock_write_scope_end_(struct rwlock **l)
{
	rwlock_drop_write(*l);
}

#define LOCK_PASTE_(a, b) a##b
#define LOCK_NAME_(line) LOCK_PASTE_(lock_scope_, line)
#define LOCK_SCOPE_(type, kind, l)                                             \
	__attribute__((cleanup(kind##_end_), unused)) struct type             \
		*LOCK_NAME_(__LINE__) = kind##_begin_(l)

#define lock_scope(l)	      LOCK_SCOPE_(lock, lock_scope, l)
#define rwlock_read_scope(l)  LOCK_SCOPE_(rwlock, rwlock_read_scope, l)
#define rwlock_write_scope(l) LOCK_SCOPE_(rwlock, rwlock_write_scope, l)
