/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/receive.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"
#include "common/monotonic.h"
#include "common/relax.h"

/*
 * A request that came this long after we fell asleep would have come within a
 * spin: most of that time is what waking up takes.
 */
#define CLOSE_NS	INT64_C(100000)
/* Between two looks at the clock; more means another process had our CPU. */
#define PREEMPTED_NS	INT64_C(15000)
/* How long one request may hold up the others, about. */
#define HELD_UP_NS	INT64_C(200000)
#define PARK_NS		INT64_C(500000)

enum {
	CREDIT_TO_SPIN = 4,	/* that many requests close together */
	CREDIT_MAX = 8,
	CREDIT_MISSED = -4,	/* none came: wait for eight before trying again */
	CREDIT_PREEMPTED = -256, /* no CPU is free; spinning takes one away */
};

static _Thread_local int thread_epoll_fd = -1;
static _Thread_local bool thread_hot;
static _Thread_local struct fusek_in_header *thread_header;

static int usable_cpus(void)
{
	cpu_set_t cpus;

	return sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
}

int receive_init(struct receive *r, int device_fd, int stop_fd,
		 unsigned spin_us, bool heeds_load)
{
	int flags = fcntl(device_fd, F_GETFL);

	*r = (struct receive){
		.device_fd = device_fd,
		.stop_fd = stop_fd,
		.spin_ns = usable_cpus() > 1 ? (int64_t)spin_us * 1000 : 0,
	};
	load_init(&r->load, r->spin_ns && heeds_load);
	pairing_init(&r->pairing, &r->load, r->spin_ns && heeds_load);
	if (flags < 0)
		return -errno;
	return neg_errno(fcntl(device_fd, F_SETFL, flags | O_NONBLOCK));
}

void receive_thread_begin(struct fusek_in_header *header)
{
	thread_header = header;
}

/* In one call, the header to where it outlives us. */
static ssize_t read_request(const struct receive *r, void *buf, size_t size)
{
	struct fusek_in_header *h = thread_header;
	const struct iovec parts[] = {
		{ h, sizeof(*h) }, { (char *)buf + sizeof(*h), size - sizeof(*h) },
	};
	ssize_t n;

	if (!h)
		return neg_errno64(read(r->device_fd, buf, size));
	n = neg_errno64(readv(r->device_fd, parts, 2));
	if (n > 0)
		memcpy(buf, h, sizeof(*h));
	return n;
}

static ssize_t try_once(const struct receive *r, void *buf, size_t size)
{
	ssize_t n;

	do
		n = read_request(r, buf, size);
	while (n == -ENOENT);	/* its asker gave up at this moment */
	return n;
}

/* A request, or an error that is no reason to wait. */
static bool came(ssize_t n)
{
	return n != -EAGAIN;
}

static void add_credit(struct receive *r, int32_t sum)
{
	int32_t credit = atomic_load_explicit(&r->credit, memory_order_relaxed);

	/* Two threads may forget one's addition: it is a guess anyway. */
	if (credit + sum <= CREDIT_MAX)
		atomic_store_explicit(&r->credit, credit + sum,
				      memory_order_relaxed);
}

static void set_credit(struct receive *r, int32_t credit)
{
	atomic_store_explicit(&r->credit, credit, memory_order_relaxed);
}

static void become_cold(struct receive *r);

/* Only one is hot; others stay as they are. */
static bool become_hot(struct receive *r)
{
	uint32_t nobody = 0;

	if (!thread_hot && (!r->spin_ns ||
			    atomic_load_explicit(&r->credit, memory_order_relaxed) <
				    CREDIT_TO_SPIN))
		return false;
	if (load_is_high(&r->load, 0)) {
		set_credit(r, CREDIT_MISSED);
		become_cold(r);
		return false;
	}
	if (!thread_hot)
		thread_hot = atomic_compare_exchange_strong(&r->hot, &nobody, 1);
	return thread_hot;
}

static void become_cold(struct receive *r)
{
	if (!thread_hot)
		return;
	thread_hot = false;
	atomic_store(&r->hot, 0);
	(void)syscall(SYS_futex, &r->hot, FUTEX_WAKE_PRIVATE, INT_MAX, NULL,
		      NULL, 0);
}

static ssize_t spin(struct receive *r, void *buf, size_t size)
{
	int64_t start = monotonic_ns(), before = start, now;
	ssize_t n;

	atomic_store_explicit(&r->busy_since_ns, 0, memory_order_relaxed);
	for (;;) {
		n = try_once(r, buf, size);
		if (came(n)) {
			add_credit(r, 1);
			atomic_store_explicit(&r->busy_since_ns, monotonic_ns(),
					      memory_order_relaxed);
			return n;
		}
		relax();
		now = monotonic_ns();
		if (now - before > PREEMPTED_NS || now - start > r->spin_ns)
			break;
		before = now;
	}

	set_credit(r, now - before > PREEMPTED_NS ? CREDIT_PREEMPTED :
						    CREDIT_MISSED);
	become_cold(r);
	return -EAGAIN;
}

static bool is_hot_one_held_up(const struct receive *r)
{
	int64_t since = atomic_load_explicit(&r->busy_since_ns,
					     memory_order_relaxed);

	return since && monotonic_ns() - since > HELD_UP_NS;
}

/* Until the hot thread is cold again, or held up. */
static void park(struct receive *r)
{
	static const struct timespec a_while = { .tv_nsec = PARK_NS };

	while (atomic_load(&r->hot) && !is_hot_one_held_up(r))
		(void)syscall(SYS_futex, &r->hot, FUTEX_WAIT_PRIVATE, 1,
			      &a_while, NULL, 0);
}

enum event { EVENT_REQUEST, EVENT_STOP, EVENT_TURN };

static int watch(int epoll_fd, int fd, uint32_t events, enum event event)
{
	struct epoll_event e = { .events = events, .data.u32 = event };

	return neg_errno(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e));
}

static int open_epoll(const struct receive *r)
{
	cleanup_fd int fd = neg_errno(epoll_create1(EPOLL_CLOEXEC));
	int turn_fd = pairing_change_fd(&r->pairing);
	int error = fd;

	if (fd >= 0)
		error = watch(fd, r->device_fd, EPOLLIN | EPOLLEXCLUSIVE, EVENT_REQUEST);
	if (error == 0)
		error = watch(fd, r->stop_fd, EPOLLIN, EVENT_STOP);
	if (error == 0 && turn_fd >= 0)
		error = watch(fd, turn_fd, EPOLLIN | EPOLLET, EVENT_TURN);
	return error < 0 ? error : take_fd(&fd);
}

/* Return: 0, perhaps in vain; -EAGAIN once stopped; any other error. */
static int sleep_until_woken(struct receive *r)
{
	struct epoll_event event;
	int n;

	if (thread_epoll_fd < 0)
		thread_epoll_fd = open_epoll(r);
	if (thread_epoll_fd < 0)
		return thread_epoll_fd;

	n = neg_errno(epoll_wait(thread_epoll_fd, &event, 1, -1));
	if (n > 0 && event.data.u32 == EVENT_STOP)
		return -EAGAIN;
	return n < 0 && n != -EINTR ? n : 0;
}

static ssize_t sleep_and_try(struct receive *r, void *buf, size_t size)
{
	int64_t start = monotonic_ns();
	ssize_t n;
	int error;

	do {
		pairing_wait(&r->pairing);
		error = sleep_until_woken(r);
		if (error < 0)
			return error;
		n = try_once(r, buf, size);
		if (!came(n))
			park(r);	/* the hot one was faster */
	} while (!came(n));

	if (monotonic_ns() - start < CLOSE_NS)
		add_credit(r, 1);
	else if (!atomic_load(&r->hot) &&
		 atomic_load_explicit(&r->credit, memory_order_relaxed) > 0)
		set_credit(r, 0);
	return n;
}

/* The caller runs only once we sleep: no request can be there already. */
static ssize_t sleep_paired(struct receive *r, void *buf, size_t size)
{
	ssize_t n = -EAGAIN;
	int error;

	while (!came(n) && pairing_has_turn(&r->pairing)) {
		error = sleep_until_woken(r);
		if (error < 0)
			return error;
		n = try_once(r, buf, size);
	}
	return n;
}

/* Data that comes with the request, or is to go with its reply. */
static uint32_t data_bytes(const void *buf, size_t bytes)
{
	const struct fusek_in_header *header = buf;
	const struct fusek_read_in *read_in = (const void *)(header + 1);

	if (header->opcode == FUSEK_OP_READ && bytes >= sizeof(*header) + sizeof(*read_in))
		return read_in->size;
	return (uint32_t)bytes;
}

static ssize_t wait_and_read(struct receive *r, void *buf, size_t size)
{
	ssize_t n = try_once(r, buf, size);

	if (!came(n) && become_hot(r))
		n = spin(r, buf, size);
	else if (thread_hot)
		atomic_store_explicit(&r->busy_since_ns, monotonic_ns(),
				      memory_order_relaxed);
	if (!came(n))
		n = sleep_and_try(r, buf, size);
	return n;
}

ssize_t receive_read(struct receive *r, void *buf, size_t size)
{
	const struct fusek_in_header *header = buf;
	ssize_t n = sleep_paired(r, buf, size);

	if (!came(n))
		n = wait_and_read(r, buf, size);
	if (n >= (ssize_t)sizeof(*header) &&
	    pairing_note(&r->pairing, header->pid, data_bytes(buf, (size_t)n)))
		become_cold(r);
	return n;
}

void receive_thread_done(struct receive *r)
{
	thread_header = NULL;
	become_cold(r);
	pairing_end(&r->pairing);
	if (thread_epoll_fd >= 0)
		close(thread_epoll_fd);
	thread_epoll_fd = -1;
}

void receive_done(struct receive *r)
{
	pairing_done(&r->pairing);
	load_done(&r->load);
}
