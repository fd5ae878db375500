/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common/session.h - one FUSE mount: holder, worker, negotiation, the end
 *
 * How it works. The process that the user started becomes the holder: it
 * mounts, keeps the /dev/fuse descriptor and a memfd of state, forks the worker
 * and then only waits. The worker serves requests with libfuse and may die;
 * the holder then forks another on the same descriptor, which replays the
 * recorded INIT and asks the kernel to send again what was in flight. An
 * unmount ends both. A program hands in a service and never sees the holder.
 *
 * A worker is forked from the holder as it was before it mounted: what the
 * program opened and parsed before session_run() is there in every worker.
 */
#pragma once

#define FUSE_USE_VERSION 35

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct session;

/* What the kernel may grant beyond libfuse 3.14's own capability bits. */
enum session_feature {
	SESSION_HANDLE_KILLPRIV_V2,
	SESSION_PASSTHROUGH,	  /* excludes the writeback cache */
	SESSION_RESEND,		  /* asked for by the session itself */
	SESSION_ALLOW_IDMAP,
	SESSION_PARALLEL_DIRECT_WRITES,
	SESSION_DIRECT_IO_ALLOW_MMAP,
	SESSION_CACHE_SYMLINKS,
	SESSION_FEATURE_COUNT,
};

enum {
	SESSION_INHERIT_FDS = 4,
	SESSION_KEPT_MAX = 16384,	/* places are below that */
};

struct session_config {
	const char *fsname;	   /* first column of /proc/mounts */
	const char *subtype;	   /* the type shown is "fuse.SUBTYPE" */
	const char *mountpoint;	   /* as the user wrote it; resolved once */
	const char *mount_flags;   /* "ro,nosuid,nodev,noatime,...", or NULL */
	bool allow_other;
	bool default_permissions;
	bool foreground;	   /* do not detach from the terminal */
	bool debug;		   /* libfuse's request trace; implies foreground */
	bool knows_birth;	   /* see session_extend_attr() */
	unsigned threads;	   /* worker threads; 0: one per core, at least 2 */
	unsigned max_read_bytes;   /* 0: the kernel's default */
	size_t state_bytes;	   /* size of the state memfd; 0: none */
	/* What session_handover_fd() finds, by its index; 0: none. Lent. */
	int inherit_fds[SESSION_INHERIT_FDS];
	/* A socket that listens and does not block; 0: none. Lent. The holder takes who
	 * connects: see session_arrivals_look(). */
	int arrivals_fd;
	bool no_resend;		   /* as on kernels before 6.9: what a dead worker
				      had in hand fails with EIO */
	int spin_us;		   /* wait this long for the next request without
				      sleeping; 0: as measured best; < 0: never.
				      If > 0, not while the machine is busy */
	int watchdog_s;		   /* replace a worker that for this long answers
				      nothing and takes nothing; 0: 120; < 0: never */
};

struct session_service {
	const struct fuse_lowlevel_ops *ops;
	size_t ops_size;

	/**
	 * start() - make ready to serve; runs in each new worker
	 * @context:	what was given to session_run()
	 * @ret_userdata: what fuse_req_userdata() will return
	 *
	 * No thread but the caller's runs yet; the working directory is "/".
	 * Return: 0 or -errno; the function has logged why.
	 */
	int (*start)(struct session *s, void *context, void **ret_userdata);

	/**
	 * init() - libfuse's init, after the session set its own wishes.
	 *	Ask here: conn->want, and session_want(). In a worker that
	 *	succeeds another it sees the same conn as the first one did.
	 */
	void (*init)(void *userdata, struct fuse_conn_info *conn);

	/** stop() - the mount is gone: give back what start() made */
	void (*stop)(void *userdata);

	/**
	 * pause() - another worker takes over: finish the requests that threads
	 *	of your own have in hand, and leave the state as it should find
	 *	it. No request comes any more, and the process ends when this
	 *	returns. May be NULL.
	 */
	void (*pause)(void *userdata);

	/**
	 * check() - whether start() could go on from this state; runs in a
	 *	process of its own while another worker serves: look, do not
	 *	touch. May be NULL. Return: 0 or -errno; has said why.
	 */
	int (*check)(struct session *s, void *context);

	/**
	 * leave() - in the holder, when the mount has ended and no worker runs:
	 *	session_state() is what the last one left, session_kept_fd()
	 *	finds all that was kept. May be NULL.
	 */
	void (*leave)(struct session *s, void *context);
};

/*
 * libfuse 3.14 knows no TMPFILE. Since it is a CREATE in all but the number, it
 * comes as one with this name, which no other create can have.
 */
#define SESSION_TMPFILE_NAME "/"

/**
 * session_run() - mount, serve until unmounted, clean up
 * @config:	lent during the call
 * @service:	the file system
 * @context:	handed to start()
 *
 * For a process without other threads: it is forked.
 *
 * Unless in the foreground the calling process is left behind: it returns from
 * here with 0 only after the mount answered, or with the error that kept it
 * from doing so, whose text is on stderr by then. With NOTIFY_SOCKET set,
 * READY=1 is sent at the same moment.
 *
 * SIGTERM, SIGINT and SIGHUP unmount: cleanly if nobody uses the mount, else
 * lazily. The holder blocks all signals it does not handle.
 *
 * Return: an exit status for main(): 0, or 1 when it failed and said why.
 */
int session_run(const struct session_config *config,
		const struct session_service *service, void *context);

/**
 * session_is_handover() - whether this process was executed to go on with a
 *	mount of an older version
 *
 * For what a program does before session_run() and may not do twice: a lock
 * that it takes then is still held by the holder.
 */
bool session_is_handover(void);

/**
 * session_handover_fd() - what the older version put into inherit_fds[@index]
 *
 * For a listening socket, for instance. Valid before session_run(), if
 * session_is_handover(). Return: the descriptor, owned by the caller; -ENOENT.
 */
int session_handover_fd(unsigned index);

/**
 * session_want() - ask the kernel for a feature; only inside init()
 *
 * Return: true if the kernel offers it, and it is now asked for.
 */
bool session_want(struct session *s, enum session_feature feature);

/** session_has() - whether a feature was granted; from the first request on */
bool session_has(const struct session *s, enum session_feature feature);

/** session_set_stack_depth() - with SESSION_PASSTHROUGH: 1 (backing files on
 *	plain filesystems, we may be stacked on) or 2 (the reverse); inside init() */
void session_set_stack_depth(struct session *s, unsigned depth);

/** session_fuse() - libfuse's session, for notifications */
struct fuse_session *session_fuse(struct session *s);

/** session_device() - the /dev/fuse descriptor, for ioctl(2); lent */
int session_device(const struct session *s);

/**
 * session_state() - memory that outlives the worker
 * @ret_bytes:	its size
 *
 * All zero in the first worker of a mount. Plain data only: another program
 * version may read it. NULL if none was configured.
 */
void *session_state(const struct session *s, size_t *ret_bytes);

/** session_generation() - 0 in the first worker, counted up in each successor */
unsigned session_generation(const struct session *s);

/**
 * session_request_drops_privileges() - must the write or change of size that this
 *	thread works on take set-id bits away (SESSION_HANDLE_KILLPRIV_V2)
 *
 * libfuse 3.14 hands the flag on for no request. True where it cannot be known: for
 * other requests, and for writes that were spliced.
 */
bool session_request_drops_privileges(void);

/**
 * session_poll_waiter() - who the POLL that this thread works on wants to have woken
 *
 * libfuse's struct fuse_pollhandle means nothing to the next worker; this number does.
 * Return: for session_notify_poll(); 0: nobody, or it is no POLL.
 */
uint64_t session_poll_waiter(void);

/** session_notify_poll() - wake who polls: it asks again */
void session_notify_poll(struct session *s, uint64_t waiter);

/**
 * session_notify_prune() - have the kernel forget inodes that nobody uses
 * @ids:	node ids; those it does not know, or that are in use, are left alone
 *
 * It drops their names from its cache and sends FORGET when it likes. It may wait for
 * pages that are being written back: not for threads that serve requests.
 *
 * Return: 0; -EINVAL if the kernel cannot do it (before 6.18); an error of write(2).
 */
int session_notify_prune(struct session *s, const uint64_t *ids, unsigned count);

/**
 * session_is_remembered() - whether the kernel has an inode with this node id
 *
 * It drops the attributes that it knows of it. What it was told in a reply may not have
 * become an inode yet. May wait, as session_notify_prune() does.
 *
 * Return: false if it said that it has none; true also where that is not known.
 */
bool session_is_remembered(struct session *s, uint64_t id);

/** session_request_count() - requests with this opcode (FUSE_LOOKUP is 1) that
 *	this mount's workers received since the mount began */
uint64_t session_request_count(const struct session *s, unsigned opcode);

/**
 * session_is_resent() - whether the request that the calling thread received
 *	was handed to a worker that died over it
 *
 * A request whose reply was decided is not handed out again. What remains: it
 * may have been carried out, but not answered. An unlink that finds nothing, or
 * a mkdir that finds its directory there, may then be what was wanted.
 */
bool session_is_resent(const struct session *s);

/**
 * session_pass_request() - the request that the calling thread received will be
 *	answered by another one, for it takes long
 *
 * So a successor knows of it. Before it is handed on. Return: for that thread; NULL,
 * which the functions below take, where too many are under way.
 */
struct session_passed;
struct session_passed *session_pass_request(struct session *s);

/** session_take_request() - the calling thread begins with it */
void session_take_request(struct session_passed *passed);

/** session_end_request() - it was answered, or was not handed on after all */
void session_end_request(struct session_passed *passed);

/** session_request_id() - what the kernel calls the request that the calling thread
 *	received, also when it comes again; 0 if it has none in hand */
uint64_t session_request_id(void);

/**
 * session_extend_open() - put into the next reply to OPEN or CREATE of the
 *	calling thread what libfuse 3.14 cannot: more open flags of the protocol
 *	(FOPEN_PASSTHROUGH is 1 << 7) and a backing id, or 0
 *
 * Call it right before fuse_reply_open() or fuse_reply_create().
 */
void session_extend_open(struct session *s, uint32_t open_flags,
			 int32_t backing_id);

/** session_request_asks_birth() - whether the GETATTR that the calling thread works on
 *	also wants to know when the object was born (STATX) */
bool session_request_asks_birth(void);

/**
 * session_extend_attr() - put the time of birth into the reply to the GETATTR that
 *	the calling thread works on, if it wants to know
 *
 * With @knows_birth in the configuration, that thread itself has to answer GETATTR;
 * without it, or without this call, the kernel tells nobody a time of birth.
 */
void session_extend_attr(const struct timespec *birth);

/**
 * session_keep_fd() - have a descriptor outlive this worker
 * @fd:	lent; the holder gets one of its own
 *
 * For what has no name to be opened by again, as unlinked files. There is room
 * for some 16000, and they count against the holder's limit of open files.
 *
 * Return: its place, > 0, to be written into the state; -EMFILE.
 */
int session_keep_fd(struct session *s, int fd);

/**
 * session_keep_fd_at() - the same, for what must not be lost with a killed worker
 * @place:	in the state: written before the descriptor is sent, and 0 again after a
 *		failure. So a successor knows what is kept, whenever this worker dies:
 *		where session_kept_fd() has nothing there, it was not kept yet.
 */
int session_keep_fd_at(struct session *s, int fd, uint32_t *place);

/**
 * session_kept_fd() - a descriptor that an earlier worker kept
 *
 * Return: the descriptor, lent until session_drop_fd(); -ENOENT if there is
 * none, or this worker itself kept it and so has its own.
 */
int session_kept_fd(const struct session *s, int place);

/** session_drop_fd() - the descriptor is no longer needed by anyone */
void session_drop_fd(struct session *s, int place);

/** session_arrivals_fd() - becomes readable when somebody has connected to
 *	arrivals_fd. Return: it, lent; -ENOENT */
int session_arrivals_fd(const struct session *s);

/**
 * session_arrivals_look() - the next connection at which this worker has not looked
 * @ret_number:	counted from 1, without gaps; written even if there is no descriptor
 *
 * It stays where it is until session_arrivals_done(): later workers begin with the
 * oldest that is left.
 *
 * Return: a descriptor, owned by the caller; -EAGAIN if there is none; -EMFILE: one that
 * cannot be looked at.
 */
int session_arrivals_look(struct session *s, uint64_t *ret_number);

/** session_arrivals_done() - the oldest that is left is not needed any more */
void session_arrivals_done(struct session *s);

/**
 * session_upgrade() - have the program that is installed now serve a mount
 * @mountpoint:	of one mount; NULL: all of @subtype
 * @subtype:	as in session_config
 *
 * The worker of the running version answers what it has in hand, then the new
 * version takes over. If it cannot, the running one goes on. Says what was done.
 *
 * Return: an exit status for main().
 */
int session_upgrade(const char *mountpoint, const char *subtype);
