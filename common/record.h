/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/record.h - what a mount's worker leaves to its successor
 *
 * How it works. One memfd holds the record and, behind it, the file system's
 * own state. Everything in it is plain data, for the reader may be another
 * process and even another version of the program.
 *
 * Each thread of the worker owns a slot. Before it works on a request it writes
 * down the request's unique id; before it sends a reply it writes the reply
 * down, and crosses it out when the kernel has it. So a successor that finds a
 * reply which is not crossed out knows: this was decided, perhaps not sent. It
 * keeps such orphans and answers from them when the kernel sends the request
 * again; an unlink is not tried twice.
 *
 * A request is read with its header into the slot, so that it is known from the moment
 * at which the kernel let go of it. One that is handed on to a thread which has time for
 * long work is written down once more, apart from slots.
 *
 * A slot has one writer. A reply's bytes are valid only after `decided` was
 * stored, with release order; the reader is another process that begins after
 * the writer's death.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "common/fuse_kernel.h"

enum {
	RECORD_SLOTS = 128,
	RECORD_OPCODES = 64,	   /* higher ones are counted as 0 */
	RECORD_REPLY_BYTES = 192,  /* the largest that must not repeat: create */
	RECORD_ORPHANS = 128,
	RECORD_SUSPECTS = 32,
	RECORD_INIT_BYTES = 256,
	RECORD_KEPT = 16384,	   /* descriptors: SESSION_KEPT_MAX */
	RECORD_PASSED = 1024,
	RECORD_CRASHES_ALLOWED = 3, /* then a request is answered EIO */
};

/* How far the present worker got; the holder judges its death by it. */
enum record_phase {
	RECORD_STARTING,
	RECORD_SERVING,
};

struct record_reply {
	uint64_t unique;	/* 0: empty */
	uint32_t bytes;
	uint32_t unused;
	unsigned char data[RECORD_REPLY_BYTES];
};

struct record_slot {
	_Atomic uint32_t taken;
	_Atomic int32_t tid;		/* who took it */
	struct fusek_in_header in;	/* what was read; .unique is 0: nothing */
	_Atomic uint64_t working;	/* unique id in hand, 0: none */
	_Atomic uint64_t decided;	/* unique id of reply, 0: none */
	struct record_reply reply;
	_Atomic uint64_t replies;
	_Atomic uint64_t requests[RECORD_OPCODES];
};

/* A request that was handed on to another thread. */
struct record_passed {
	_Atomic uint64_t unique;	/* 0: empty */
	_Atomic uint32_t is_begun;
	uint32_t unused;
};

/* A request that was in hand when a worker crashed. */
struct record_suspect {
	uint64_t unique;
	uint64_t crashes;
};

struct record {
	uint32_t magic;
	uint32_t version;
	uint64_t bytes;			/* of the whole memfd */
	uint64_t state_offset;
	uint64_t state_bytes;
	_Atomic uint32_t generation;
	_Atomic uint32_t phase;		/* enum record_phase */
	_Atomic uint32_t crashed;	/* the last death was a crash, not a kill */
	_Atomic uint32_t stopping;	/* take no more requests, and end */
	uint32_t init_bytes;
	_Atomic uint32_t largest_bytes;	/* of a request so far, or somewhat more */
	uint64_t offered;		/* INIT flags of the kernel, 64 of them */
	_Atomic uint64_t granted;	/* those that our reply asked for */
	uint32_t minor;			/* the kernel's protocol minor */
	uint32_t next_orphan;
	unsigned char init[RECORD_INIT_BYTES];
	struct record_reply orphans[RECORD_ORPHANS];
	struct record_suspect suspects[RECORD_SUSPECTS];
	struct record_slot slots[RECORD_SLOTS];
	struct record_passed passed[RECORD_PASSED];
	int32_t kept[RECORD_KEPT];	/* the holder's descriptor, 0: none */
	_Atomic uint8_t kept_taken[RECORD_KEPT];
};

/**
 * record_new() - make the memfd and map it
 * @state_bytes: room for the file system's state behind the record; may be 0
 * @ret_fd:	the memfd, owned by the caller
 * @ret_record:	its mapping, shared with every process forked from here
 *
 * Return: 0; any memfd_create(2), ftruncate(2) or mmap(2) error.
 */
int record_new(size_t state_bytes, int *ret_fd, struct record **ret_record);

/**
 * record_map() - map a memfd that another program may have made
 *
 * Return: 0; -EPROTO if it is no record or of a version that is not ours.
 */
int record_map(int fd, struct record **ret_record);

/** record_unmap() - NULL is fine */
void record_unmap(struct record *r);

/** record_state() - the file system's memory, NULL if it asked for none */
void *record_state(struct record *r);

/** record_slot_take() - a slot for the calling thread, NULL when all are taken */
struct record_slot *record_slot_take(struct record *r);

/** record_slot_give() - the thread ends; its counts stay. NULL is fine. */
void record_slot_give(struct record_slot *slot);

/** record_begin() - a request is in hand; counts it */
void record_begin(struct record_slot *slot, uint64_t unique, uint32_t opcode);

/** record_end() - the request is no longer in hand */
void record_end(struct record_slot *slot);

/** record_decide() - a reply is about to be sent; too large ones are not kept */
void record_decide(struct record_slot *slot, const struct iovec *iov, int count);

/** record_sent() - the kernel has the reply, or does not want it */
void record_sent(struct record_slot *slot);

/** record_pass() - a request is handed on; NULL if too many are */
struct record_passed *record_pass(struct record *r, uint64_t unique);

/** record_pass_end() - it was answered, or was not handed on after all; NULL is fine */
void record_pass_end(struct record_passed *p);

/**
 * record_adopt() - take over from a dead worker; before any slot is taken
 * @ret_lost:	filled with the unique ids that were in hand
 *
 * Return: how many were in hand, at most RECORD_SLOTS.
 */
unsigned record_adopt(struct record *r, uint64_t ret_lost[RECORD_SLOTS]);

/** record_adopt_passed() - the same of what was handed on; some may be in hand, too */
unsigned record_adopt_passed(struct record *r, uint64_t ret_lost[RECORD_PASSED]);

/** record_orphan() - the reply a dead worker decided, or NULL; strike it out
 *	with record_orphan_sent() */
struct record_reply *record_orphan(struct record *r, uint64_t unique);

/** record_orphan_sent() - the kernel has it */
void record_orphan_sent(struct record_reply *reply);

/** record_is_poison() - whether workers crashed over this request too often */
bool record_is_poison(const struct record *r, uint64_t unique);

/** record_replies() - replies sent since the mount began, over all slots */
uint64_t record_replies(const struct record *r);

/** record_requests() - requests received with this opcode */
uint64_t record_requests(const struct record *r, unsigned opcode);
