/*
 * session - one conversation with one peer
 *
 * The peer's bytes come in here, by the line, and replies go out; what the
 * commands mean is in verbs.c, how a message is taken in data.c. A process
 * has one session in its life.
 */
#ifndef SMTPD_SESSION_H
#define SMTPD_SESSION_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"
#include "policy.h"
#include "serve/peer.h"
#include "sys/io.h"

struct session {
	const struct policy *policy;
	const struct peer *peer;
	const char *relayclient; /* RELAYCLIENT, or NULL */
	/* set when the program is to end; NULL if it never is */
	const volatile sig_atomic_t *must_stop;
	bool has_log;   /* say on descriptor 2 what happens */
	bool has_timer; /* reading from the socket times out by itself */
	bool may_bare_lf;
	bool is_closing; /* the last reply has been said */

	struct out out;
	struct buf line;    /* a command that did not come in one piece */
	int64_t line_until; /* when it must be complete */

	struct buf helo;
	struct buf envelope; /* F sender NUL, T recipient NUL ... */
	bool has_mail;
	bool is_bad_sender;
	uint32_t recipients;

	unsigned int bad_commands, bad_recipients, idle_commands;

	struct in in; /* last: large, and only what is used is touched */
};

/*
 * Begin a session in s, which need not be initialised, over two
 * descriptors. has_timer: listen_set_timer() did its work on infd.
 */
void session_begin(struct session *s, int infd, int outfd,
    const struct policy *policy, const struct peer *peer, bool has_timer);

/* Hold the conversation. The exit status: 0 after QUIT, else 1. */
int session_run(struct session *s) MUST_CHECK;

/* There can be no session, for reason r: say so on fd. Exit status 1. */
int session_refuse(int fd, int r) MUST_CHECK;

/* Release what the session holds; its descriptors are the caller's. */
void session_end(struct session *s);

/* Append a reply line; CR LF is added. */
void session_say(struct session *s, const char *reply);

/* Write the replies. E_TIMEOUT, system errors; sticky. */
int session_flush(struct session *s) MUST_CHECK;

/*
 * The unread bytes, reading some if there are none: replies are written
 * first. Empty at end of file. E_TIMEOUT; interrupted (err_is EINTR) only
 * when must_stop is set.
 */
int session_peek(struct session *s, struct span *bytes) MUST_CHECK;

/* Forget the transaction. */
void session_reset(struct session *s);

/*
 * A line of log: begin with "from IP pid P: ", append words (what comes
 * from outside through log_safe), write it. Nothing without has_log.
 */
void session_log_begin(const struct session *s, struct buf *line);
void session_log_end(const struct session *s, struct buf *line);

/* The same, when words are all there is to say. */
void session_log(const struct session *s, const char *words);

/* How a command ended. */
enum verb_end {
	VERB_NEXT,  /* go on; replies may wait for company */
	VERB_FLUSH, /* go on; replies leave now */
	VERB_CLOSE, /* the last reply has been put */
	VERB_QUIT,  /* the same, and all is well */
	VERB_GONE   /* the peer has gone: say nothing */
};

/* Do what a command line says (verbs.c). */
enum verb_end verbs_do(struct session *s, struct span line);

/* Take the message, after DATA (data.c). */
enum verb_end data_take(struct session *s);

/* Reading failed with r, or ended with 0: say what there is to say. */
enum verb_end session_broken(struct session *s, int r);

/*
 * Answer something wrong, and count it: above max the answer is 421
 * instead, and the session is over.
 */
enum verb_end session_blame(struct session *s, unsigned int *count,
    unsigned int max, const char *reply);

#endif
