/*
 * handover - a line "lmtp:...": find the server, talk, report: see local.h
 */
#include <errno.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/ascii.h"
#include "base/err.h"
#include "base/mem.h"
#include "mail/address.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/prog.h"
#include "sys/sock.h"

#include "lmtp.h"
#include "local.h"

enum { CONNECT_MS = 60 * 1000, SAID_MAX = 1000, ADDRESS_MAX = 256 * 1024 };

/* One address of a host, without waiting longer than until the deadline. */
static int
try_address(const struct addrinfo *a, int64_t deadline, int *fd)
{
	int r;

	*fd =
	    socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd < 0)
		return err_sys();
	r = sock_reach(*fd, a->ai_addr, a->ai_addrlen, deadline);
	if (r < 0)
		fd_close(fd);
	return r;
}

static int
connect_host(const char *host, const char *port, int64_t deadline, int *fd)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	int e = getaddrinfo(host, port, &hints, &found);
	int r = E_ABSENT;

	if (e == EAI_MEMORY)
		return E_NOMEM;
	if (e != 0)
		return e == EAI_AGAIN ? err_of(EAGAIN) : E_ABSENT;
	for (const struct addrinfo *a = found; a != NULL && r < 0;
	     a = a->ai_next)
		r = try_address(a, deadline, fd);
	freeaddrinfo(found);
	return r;
}

static int
connect_to(const struct lmtp_address *to, int *fd)
{
	int64_t deadline = clock_ms() + CONNECT_MS;
	char *path = mem_cstr(to->path);
	char *host = mem_cstr(to->host);
	char *port = mem_cstr(to->port);
	int r = E_NOMEM;

	if (path != NULL && host != NULL && port != NULL)
		r = to->path.len > 0 ? sock_connect(path, deadline, fd)
				     : connect_host(host, port, deadline, fd);
	if (r == 0)
		r = fd_nonblock(*fd, true);
	mem_free(path);
	mem_free(host);
	mem_free(port);
	return r;
}

/* A line of the report: words around what the server is called. */
static int
say(struct delivery *d, const struct lmtp_address *to, int code,
    const char *before, struct span after)
{
	struct buf b = BUF_INIT(ADDRESS_MAX);
	const char *line;

	buf_puts(&b, "lmtp: ");
	buf_puts(&b, before);
	buf_put(&b, to->server);
	for (size_t i = 0; i < after.len && i < SAID_MAX; i++) {
		char c = after.p[i];

		if (c == '\n')
			c = ' ';
		if (!ascii_is_print((unsigned char)c))
			c = '?';
		buf_putc(&b, c);
	}
	if (buf_cstr(&b, &line) < 0)
		line = "Out of memory. (#4.3.0)";
	(void)report_fail(d->report, code, WORDS(line));
	buf_free(&b);
	return code;
}

static int
refused(struct delivery *d, const struct lmtp_address *to, const struct lmtp *l,
    int code)
{
	struct buf said = BUF_INIT(REPLY_TEXT_MAX + 64);

	buf_puts(&said, " said: ");
	buf_put(&said, span_trim_end(reply_text(&l->reply)));
	if (buf_err(&said) == 0)
		code = say(d, to, code, "", buf_span(&said));
	buf_free(&said);
	return code;
}

static int
broken(struct delivery *d, const struct lmtp_address *to, const struct lmtp *l,
    int r)
{
	const char *what = "connection to ";
	struct span after = SPAN(" died. (#4.4.2)");

	if (l->is_unread)
		return report_fail(d->report, EX_SOFT,
		    WORDS(
			"Unable to read message: ", err_text(r), ". (#4.3.0)"));
	if (r == E_TOOBIG) {
		what = "too long an answer from ";
		after = SPAN(". (#4.5.0)");
	} else if (l->is_sent) {
		after = SPAN(" died. Possible duplicate! (#4.4.2)");
	} else if (r == E_TIMEOUT) {
		after = SPAN(" timed out. (#4.4.2)");
	}
	return say(d, to, EX_SOFT, what, after);
}

static int
unconnected(struct delivery *d, const struct lmtp_address *to, int r)
{
	struct buf why = BUF_INIT(SAID_MAX);
	int code = EX_SOFT;

	buf_puts(&why, ": ");
	buf_puts(&why, r == E_ABSENT ? "no such server" : err_text(r));
	buf_puts(&why, ". (#4.4.1)");
	if (buf_err(&why) == 0)
		code = say(
		    d, to, EX_SOFT, "unable to connect to ", buf_span(&why));
	buf_free(&why);
	return code;
}

/* Our name in a greeting; one that could not stand there is not said. */
static struct span
our_name(struct local *self)
{
	struct span name = local_host(self);

	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.p[i];

		if (!ascii_is_print(c) || c == ' ')
			return SPAN("localhost");
	}
	return name.len > 0 ? name : SPAN("localhost");
}

static int
converse(struct delivery *d, const struct lmtp_address *to, int fd,
    struct span recipient)
{
	struct lmtp l = LMTP_INIT(fd);
	const struct errand e = { .name = our_name(d->self),
		.sender = d->job->sender,
		.recipient = recipient,
		.dtline = buf_span(&d->dtline),
		.msg = &d->self->msg };
	int code = 0;
	int r = lmtp_talk(&l, &e, &code);

	if (r < 0)
		code = broken(d, to, &l, r);
	else if (code != 0)
		code = refused(d, to, &l, code);
	/* a courtesy: a server that is gone does not miss it */
	else if (send(fd, "QUIT\r\n", 6, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		err_ignore(err_sys());
	lmtp_free(&l);
	return code;
}

static int
deliver_to(
    struct delivery *d, const struct lmtp_address *to, struct span recipient)
{
	int fd = -1;
	int code;
	int r;

	if (!address_is_sendable(d->job->sender) ||
	    !address_is_sendable(recipient))
		return report_fail(d->report, EX_HARD,
		    WORDS("Sorry, LMTP cannot carry this address. (#5.1.3)"));
	r = connect_to(to, &fd);
	code = r < 0 ? unconnected(d, to, r) : converse(d, to, fd, recipient);
	fd_close(&fd);
	return code;
}

int
lmtp_deliver(struct delivery *d, const char *text)
{
	struct buf own = BUF_INIT(ADDRESS_MAX);
	struct lmtp_address to;
	int code;

	if (lmtp_parse(span_cstr(text), &to) < 0)
		return report_fail(d->report, EX_SOFT,
		    WORDS("Uh-oh: .qmail has an lmtp line without a server. "
			  "(#4.3.5)"));
	buf_put(&own, d->job->local);
	buf_putc(&own, '@');
	buf_put(&own, d->job->domain);
	if (to.recipient.len == 0 && buf_err(&own) == 0)
		to.recipient = buf_span(&own);
	code = deliver_to(d, &to, to.recipient);
	buf_free(&own);
	return code;
}
