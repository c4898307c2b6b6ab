/*
 * session - one conversation with one peer: see session.h
 */
#include "session.h"

#include <errno.h>
#include <unistd.h>

#include "base/err.h"
#include "limits.h"
#include "sys/clock.h"
#include "sys/env.h"
#include "sys/fd.h"
#include "sys/log.h"

enum {
	LOG_BYTES = 3000,
	BARE_LF = -100 /* beside enum err: a line ended by LF alone */
};

void
session_begin(struct session *s, int infd, int outfd,
    const struct policy *policy, const struct peer *peer, bool has_timer)
{
	int64_t ms = (int64_t)policy->timeout_s * 1000;

	s->policy = policy;
	s->peer = peer;
	s->relayclient = env_get("RELAYCLIENT");
	s->must_stop = NULL;
	s->has_log = false;
	s->has_timer = has_timer;
	s->may_bare_lf = env_get("ALLOW_BARELF") != NULL;
	s->out = OUT_INIT(outfd, ms, REPLIES_MAX);
	s->line = BUF_INIT(COMMAND_MAX);
	s->line_until = 0;
	s->helo = BUF_INIT(COMMAND_MAX + peer->host.len);
	buf_put(&s->helo, peer->host);
	s->envelope = BUF_INIT(ENVELOPE_BYTES);
	s->has_mail = false;
	s->is_bad_sender = false;
	s->recipients = 0;
	s->bad_commands = 0;
	s->bad_recipients = 0;
	s->idle_commands = 0;
	/* not by IN_INIT, which would touch all of its buffer */
	s->in.fd = infd;
	s->in.timeout_ms = ms;
	s->in.at = 0;
	s->in.len = 0;
}

void
session_end(struct session *s)
{
	out_free(&s->out);
	buf_free(&s->line);
	buf_free(&s->helo);
	buf_free(&s->envelope);
}

int
session_refuse(int fd, int r)
{
	const char *why =
	    r == E_NOMEM ? "421 4.3.0 out of memory (#4.3.0)\r\n"
			 : "421 4.3.0 unable to read controls (#4.3.0)\r\n";

	err_ignore(fd_write(fd, span_cstr(why), clock_ms() + TIMEOUT_S * 1000));
	return 1;
}

void
session_say(struct session *s, const char *reply)
{
	out_puts(&s->out, reply);
	out_puts(&s->out, "\r\n");
}

int
session_flush(struct session *s)
{
	return out_flush(&s->out);
}

/* Read with the socket's own timer: one call where fd_read() takes two. */
static int
read_timed(struct session *s)
{
	for (;;) {
		ssize_t n = read(s->in.fd, s->in.data, sizeof(s->in.data));

		if (n >= 0) {
			s->in.at = 0;
			s->in.len = (size_t)n;
			return 0;
		}
		if (errno == EAGAIN)
			return E_TIMEOUT;
		if (errno != EINTR)
			return err_sys();
		if (s->must_stop != NULL && *s->must_stop)
			return err_of(EINTR);
	}
}

int
session_peek(struct session *s, struct span *bytes)
{
	int r = 0;

	if (!in_pending(&s->in)) {
		r = session_flush(s);
		if (r == 0 && s->has_timer)
			r = read_timed(s);
	}
	/* now either bytes are there, or the end of file, or no timer is */
	if (r == 0 && (in_pending(&s->in) || !s->has_timer))
		return in_peek(&s->in, bytes);
	*bytes = SPAN("");
	return r;
}

void
session_reset(struct session *s)
{
	buf_reset(&s->envelope);
	s->has_mail = false;
	s->is_bad_sender = false;
	s->recipients = 0;
}

void
session_log_begin(const struct session *s, struct buf *line)
{
	*line = BUF_INIT(LOG_BYTES);
	if (!s->has_log)
		return;
	buf_puts(line, "from ");
	log_safe(line, s->peer->ip);
	buf_puts(line, " pid ");
	buf_putu(line, (uintmax_t)getpid());
	buf_puts(line, ": ");
}

void
session_log_end(const struct session *s, struct buf *line)
{
	const char *words;

	if (s->has_log && buf_cstr(line, &words) == 0)
		log_line(words);
	buf_free(line);
}

void
session_log(const struct session *s, const char *words)
{
	struct buf line;

	session_log_begin(s, &line);
	buf_puts(&line, words);
	session_log_end(s, &line);
}

enum verb_end
session_broken(struct session *s, int r)
{
	const char *reply;

	switch (r) {
	case E_TIMEOUT:
		reply = "451 4.4.2 timeout (#4.4.2)";
		break;
	case BARE_LF:
		reply = "500 5.5.2 see https://cr.yp.to/docs/smtplf.html: "
			"commands end in CR LF (#5.5.2)";
		break;
	case E_TOOBIG:
		reply = "500 5.5.2 line far too long (#5.5.2)";
		break;
	default:
		if (!err_is(r, EINTR))
			return VERB_GONE;
		reply = "421 4.3.2 closing down, try again (#4.3.2)";
		break;
	}
	session_say(s, reply);
	session_log(s, reply);
	return VERB_CLOSE;
}

enum verb_end
session_blame(
    struct session *s, unsigned int *count, unsigned int max, const char *reply)
{
	if (++*count <= max) {
		session_say(s, reply);
		return VERB_FLUSH;
	}
	session_say(s, "421 4.7.0 too many errors (#4.7.0)");
	session_log(s, "421 too many errors");
	return VERB_CLOSE;
}

/* An LF was found: is what precedes it the end of a line? */
static int
cut_line(const struct session *s, struct span *line)
{
	if (line->len > 0 && line->p[line->len - 1] == '\r')
		line->len--;
	else if (!s->may_bare_lf)
		return BARE_LF;
	return 0;
}

/* Drop everything to the end of this line. 0, or why not. */
static int
skip_line(struct session *s)
{
	size_t skipped = COMMAND_MAX;
	struct span bytes;

	for (;;) {
		size_t lf;
		int r = session_peek(s, &bytes);

		if (r == 0 && bytes.len == 0)
			r = E_EOF;
		if (r < 0)
			return r;
		lf = span_find(bytes, '\n');
		in_skip(&s->in, lf < bytes.len ? lf + 1 : lf);
		if (lf < bytes.len)
			return 0;
		skipped += bytes.len;
		if (skipped > COMMAND_SKIP_MAX)
			return E_TOOBIG;
		if (clock_ms() > s->line_until)
			return E_TIMEOUT;
	}
}

/*
 * The next line, without its CR LF. *is_long: it was longer than can be,
 * and has been dropped. Borrowed until the next call.
 */
static int
read_line(struct session *s, struct span *line, bool *is_long)
{
	struct span bytes;
	size_t lf;

	*is_long = false;
	buf_reset(&s->line);
	s->line_until = clock_ms() + s->in.timeout_ms;
	for (;;) {
		int r = session_peek(s, &bytes);

		if (r == 0 && bytes.len == 0)
			r = E_EOF;
		if (r < 0)
			return r;
		lf = span_find(bytes, '\n');
		if (s->line.len + lf + 1 > COMMAND_MAX) {
			*is_long = true;
			return skip_line(s);
		}
		if (lf < bytes.len)
			break;
		buf_put(&s->line, bytes);
		in_skip(&s->in, lf);
		if (clock_ms() > s->line_until)
			return E_TIMEOUT;
	}
	*line = span_head(bytes, lf);
	if (s->line.len > 0) {
		buf_put(&s->line, *line);
		if (buf_err(&s->line) < 0)
			return buf_err(&s->line);
		*line = buf_span(&s->line);
	}
	in_skip(&s->in, lf + 1);
	return cut_line(s, line);
}

static enum verb_end
next_command(struct session *s)
{
	struct span line = SPAN("");
	bool is_long;
	int r;

	if (s->must_stop != NULL && *s->must_stop)
		return session_broken(s, err_of(EINTR));
	r = read_line(s, &line, &is_long);
	if (r < 0)
		return session_broken(s, r);
	if (is_long)
		return session_blame(s, &s->bad_commands, BAD_COMMANDS_MAX,
		    "500 5.5.2 line too long (#5.5.2)");
	return verbs_do(s, line);
}

int
session_run(struct session *s)
{
	enum verb_end end = VERB_FLUSH;

	out_puts(&s->out, "220 ");
	out_put(&s->out, buf_span(&s->policy->greeting));
	session_say(s, " ESMTP");
	while (end == VERB_NEXT || end == VERB_FLUSH) {
		if (end == VERB_FLUSH && session_flush(s) < 0)
			return 1;
		end = next_command(s);
	}
	if (end == VERB_GONE || session_flush(s) < 0)
		return 1;
	if (end == VERB_QUIT)
		return 0;
	in_linger(&s->in, s->out.fd);
	return 1;
}
