/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "common/record.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/errors.h"

#define RECORD_MAGIC   UINT32_C(0x6e616372)
#define RECORD_VERSION 2

static size_t round_to_page(size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (bytes + page - 1) / page * page;
}

static int map_shared(int fd, size_t bytes, struct record **ret_record)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return -errno;

	*ret_record = p;
	return 0;
}

int record_new(size_t state_bytes, int *ret_fd, struct record **ret_record)
{
	cleanup_fd int fd = -1;
	struct record *record = NULL;
	size_t offset = round_to_page(sizeof(*record));
	size_t bytes;
	int r;

	if (state_bytes > SIZE_MAX / 4)
		return -EINVAL;
	bytes = offset + round_to_page(state_bytes);

	fd = neg_errno(memfd_create("nacre-state", MFD_CLOEXEC));
	if (fd < 0)
		return fd;

	r = neg_errno(ftruncate(fd, (off_t)bytes));
	if (r == 0)
		r = map_shared(fd, bytes, &record);
	if (r < 0)
		return r;

	record->magic = RECORD_MAGIC;
	record->version = RECORD_VERSION;
	record->bytes = bytes;
	record->state_offset = offset;
	record->state_bytes = state_bytes;
	*ret_fd = take_fd(&fd);
	*ret_record = record;
	return 0;
}

static bool is_record(const struct record *r, size_t bytes)
{
	return r->magic == RECORD_MAGIC && r->version == RECORD_VERSION &&
	       r->bytes == bytes && r->state_offset >= sizeof(*r) &&
	       r->state_offset <= bytes &&
	       r->state_bytes <= bytes - r->state_offset;
}

int record_map(int fd, struct record **ret_record)
{
	struct record *record = NULL;
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	if ((uint64_t)st.st_size < sizeof(*record))
		return -EPROTO;

	r = map_shared(fd, (size_t)st.st_size, &record);
	if (r < 0)
		return r;

	if (!is_record(record, (size_t)st.st_size)) {
		(void)munmap(record, (size_t)st.st_size);
		return -EPROTO;
	}
	*ret_record = record;
	return 0;
}

void record_unmap(struct record *r)
{
	if (r)
		(void)munmap(r, r->bytes);
}

void *record_state(struct record *r)
{
	return r->state_bytes ? (char *)r + r->state_offset : NULL;
}

struct record_slot *record_slot_take(struct record *r)
{
	for (unsigned i = 0; i < RECORD_SLOTS; i++) {
		uint32_t was = 0;

		if (atomic_compare_exchange_strong(&r->slots[i].taken, &was, 1)) {
			atomic_store(&r->slots[i].tid, gettid());
			return &r->slots[i];
		}
	}
	return NULL;
}

void record_slot_give(struct record_slot *slot)
{
	if (slot)
		atomic_store_explicit(&slot->taken, 0, memory_order_release);
}

/* A slot has one writer: a plain addition, made visible to other readers. */
static void add_one(_Atomic uint64_t *counter)
{
	uint64_t n = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, n + 1, memory_order_relaxed);
}

void record_begin(struct record_slot *slot, uint64_t unique, uint32_t opcode)
{
	if (!slot)
		return;

	add_one(&slot->requests[opcode < RECORD_OPCODES ? opcode : 0]);
	atomic_store_explicit(&slot->working, unique & ~FUSEK_UNIQUE_RESEND,
			      memory_order_release);
}

void record_end(struct record_slot *slot)
{
	if (!slot)
		return;
	__atomic_store_n(&slot->in.unique, 0, __ATOMIC_RELAXED);
	atomic_store_explicit(&slot->working, 0, memory_order_release);
}

struct record_passed *record_pass(struct record *r, uint64_t unique)
{
	for (unsigned i = 0; i < RECORD_PASSED; i++) {
		struct record_passed *p = &r->passed[i];
		uint64_t none = 0;

		if (!atomic_compare_exchange_strong(&p->unique, &none,
						    unique & ~FUSEK_UNIQUE_RESEND))
			continue;
		atomic_store(&p->is_begun, 0);
		return p;
	}
	return NULL;
}

void record_pass_end(struct record_passed *p)
{
	if (!p)
		return;
	atomic_store(&p->is_begun, 0);
	atomic_store(&p->unique, 0);
}

static size_t iov_bytes(const struct iovec *iov, int count)
{
	size_t bytes = 0;

	for (int i = 0; i < count; i++)
		bytes += iov[i].iov_len;
	return bytes;
}

void record_decide(struct record_slot *slot, const struct iovec *iov, int count)
{
	const struct fusek_out_header *out = iov[0].iov_base;
	size_t bytes = iov_bytes(iov, count);
	size_t at = 0;

	if (!slot || bytes > sizeof(slot->reply.data))
		return;

	for (int i = 0; i < count; i++) {
		memcpy(slot->reply.data + at, iov[i].iov_base, iov[i].iov_len);
		at += iov[i].iov_len;
	}
	slot->reply.unique = out->unique & ~FUSEK_UNIQUE_RESEND;
	slot->reply.bytes = (uint32_t)bytes;
	atomic_store_explicit(&slot->decided, slot->reply.unique,
			      memory_order_release);
}

void record_sent(struct record_slot *slot)
{
	if (!slot)
		return;

	atomic_store_explicit(&slot->decided, 0, memory_order_release);
	add_one(&slot->replies);
}

static void adopt_reply(struct record *r, const struct record_reply *reply)
{
	/* The oldest makes room: the kernel asked long ago or never will. */
	r->orphans[r->next_orphan % RECORD_ORPHANS] = *reply;
	r->next_orphan++;
}

static void blame(struct record *r, uint64_t unique)
{
	struct record_suspect *least = &r->suspects[0];

	for (unsigned i = 0; i < RECORD_SUSPECTS; i++) {
		struct record_suspect *s = &r->suspects[i];

		if (s->unique == unique) {
			s->crashes++;
			return;
		}
		if (s->crashes < least->crashes)
			least = s;
	}
	*least = (struct record_suspect){ .unique = unique, .crashes = 1 };
}

unsigned record_adopt_passed(struct record *r, uint64_t ret_lost[RECORD_PASSED])
{
	unsigned lost = 0;

	for (unsigned i = 0; i < RECORD_PASSED; i++) {
		struct record_passed *p = &r->passed[i];
		uint64_t unique = atomic_load(&p->unique);

		if (!unique)
			continue;
		if (atomic_load(&p->is_begun) && atomic_load(&r->crashed))
			blame(r, unique);
		ret_lost[lost++] = unique;
		record_pass_end(p);
	}
	return lost;
}

/* Read, perhaps not begun yet. */
static uint64_t in_hand(const struct record_slot *slot)
{
	uint64_t working = atomic_load(&slot->working);

	return working ? working : slot->in.unique & ~FUSEK_UNIQUE_RESEND;
}

unsigned record_adopt(struct record *r, uint64_t ret_lost[RECORD_SLOTS])
{
	bool crashed = atomic_load(&r->crashed);
	unsigned lost = 0;

	for (unsigned i = 0; i < RECORD_SLOTS; i++) {
		struct record_slot *slot = &r->slots[i];
		uint64_t working = atomic_load(&slot->working);

		if (atomic_load(&slot->decided))
			adopt_reply(r, &slot->reply);
		else if (working && crashed)
			blame(r, working);
		if (in_hand(slot))
			ret_lost[lost++] = in_hand(slot);

		slot->in.unique = 0;
		atomic_store(&slot->decided, 0);
		atomic_store(&slot->working, 0);
		atomic_store(&slot->taken, 0);
	}
	return lost;
}

struct record_reply *record_orphan(struct record *r, uint64_t unique)
{
	unique &= ~FUSEK_UNIQUE_RESEND;
	for (unsigned i = 0; i < RECORD_ORPHANS; i++)
		if (__atomic_load_n(&r->orphans[i].unique, __ATOMIC_RELAXED) ==
		    unique)
			return &r->orphans[i];
	return NULL;
}

void record_orphan_sent(struct record_reply *reply)
{
	__atomic_store_n(&reply->unique, 0, __ATOMIC_RELAXED);
}

bool record_is_poison(const struct record *r, uint64_t unique)
{
	unique &= ~FUSEK_UNIQUE_RESEND;
	for (unsigned i = 0; i < RECORD_SUSPECTS; i++)
		if (r->suspects[i].unique == unique)
			return r->suspects[i].crashes >= RECORD_CRASHES_ALLOWED;
	return false;
}

uint64_t record_replies(const struct record *r)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < RECORD_SLOTS; i++)
		sum += atomic_load_explicit(&r->slots[i].replies,
					    memory_order_relaxed);
	return sum;
}

uint64_t record_requests(const struct record *r, unsigned opcode)
{
	uint64_t sum = 0;

	if (opcode >= RECORD_OPCODES)
		return 0;
	for (unsigned i = 0; i < RECORD_SLOTS; i++)
		sum += atomic_load_explicit(&r->slots[i].requests[opcode],
					    memory_order_relaxed);
	return sum;
}
