/*
 * qmail-qmqpc - give a message to another host's queue
 *
 * Run by:   anybody, in place of qmail-queue(8): as $QMAILQUEUE
 * Runs as:  the caller
 * Input:    the message on descriptor 0, its envelope on descriptor 1
 * Trusts:   control/qmqpservers, and the servers it names to keep what
 *           they have taken
 * Output:   nothing
 * Exits:    0 a server has the message; 11 to 40 permanent, else temporary:
 *           qmail-qmqpc(8)
 */
#include <errno.h>
#include <unistd.h>

#include "base/err.h"
#include "conf/control.h"
#include "mail/netstring.h"
#include "queue/envelope.h"
#include "queue/input.h"
#include "queue/submit.h"
#include "server.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/home.h"
#include "sys/prog.h"
#include "sys/sock.h"

enum {
	CONNECT_MS = 10 * 1000,
	IO_MS = 60 * 1000, /* for each write, and for the answer */
	SERVERS_MAX = 1000,
	ANSWER_MAX = 64 * 1024, /* bytes before its letter comes */
	PIECE = 65536,
	/* an empty address is two bytes in an envelope, three here */
	ADDRESSES_MAX = 2 * ENVELOPE_MAX,

	/* exit codes beside enum submit_code */
	NO_SOCKET = 56,
	NO_ANSWER = 72,
	NO_CONNECTION = 73,
	BROKEN = 74
};

/* All that is sent: head, the message, tail. */
struct letter {
	struct buf head;
	struct spool msg;
	struct buf tail;
};

struct servers {
	struct server list[SERVERS_MAX];
	size_t n;
};

static int
add_server(void *ctx, struct span line)
{
	struct servers *s = ctx;

	if (s->n < SERVERS_MAX && server_parse(line, &s->list[s->n]))
		s->n++;
	return 0;
}

/* The addresses, and the frame about all. */
static int
compose(struct letter *l, struct span envelope)
{
	struct envelope e;
	struct span addr;
	size_t used;
	int r = envelope_read(envelope, false, &e, &used);

	if (r < 0)
		return SUBMIT_SYNTAX;
	buf_putc(&l->tail, ','); /* of the message */
	netstring_put(&l->tail, e.sender);
	while (envelope_rcpt(&e.rcpts, &addr))
		netstring_put(&l->tail, addr);
	buf_putu(&l->head, l->msg.size);
	buf_putc(&l->head, ':');
	if (buf_err(&l->tail) == 0 && buf_err(&l->head) == 0) {
		size_t size = l->head.len + (size_t)l->msg.size + l->tail.len;
		struct buf whole = BUF_INIT(128);

		buf_putu(&whole, size);
		buf_putc(&whole, ':');
		buf_put(&whole, buf_span(&l->head));
		buf_free(&l->head);
		l->head = whole;
	}
	buf_putc(&l->tail, ',');
	return buf_err(&l->tail) < 0 || buf_err(&l->head) < 0 ? SUBMIT_NOMEM
							      : SUBMIT_OK;
}

static int
read_letter(struct letter *l)
{
	struct buf envelope = BUF_INIT(ENVELOPE_MAX);
	int64_t deadline = clock_ms() + INPUT_DAY_MS;
	int code = input_message(0, &l->msg, deadline);

	if (code == SUBMIT_OK)
		code = input_envelope(1, &envelope, SUBMIT_SYNTAX, deadline);
	if (code == SUBMIT_OK)
		code = compose(l, buf_span(&envelope));
	buf_free(&envelope);
	/* no server accepts such an address */
	return code == SUBMIT_TOOLONG ? SUBMIT_REFUSED : code;
}

/* Connect: SUBMIT_OK, or the exit code if no other server answers. */
static int
reach(const struct server *s, int *fd)
{
	int r;

	*fd = socket(s->address.ss_family,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd < 0)
		return errno == EAFNOSUPPORT ? NO_CONNECTION : NO_SOCKET;
	r = sock_reach(*fd, (const struct sockaddr *)&s->address, s->len,
	    clock_ms() + CONNECT_MS);
	if (r == 0)
		return SUBMIT_OK;
	fd_close(fd);
	return r == E_TIMEOUT || err_is(r, ETIMEDOUT) ? NO_ANSWER
						      : NO_CONNECTION;
}

static int
send_piece(int fd, struct span s)
{
	return fd_write(fd, s, clock_ms() + IO_MS);
}

static int
send_letter(int fd, struct letter *l)
{
	struct buf scratch = BUF_INIT(4 * PIECE);
	struct span piece;
	uint64_t sent = 0;
	int r = send_piece(fd, buf_span(&l->head));

	while (r == 0) {
		r = spool_read(&l->msg, sent, &scratch, &piece);
		if (r < 0 || piece.len == 0)
			break;
		sent += piece.len;
		r = send_piece(fd, piece);
	}
	if (r == 0)
		r = send_piece(fd, buf_span(&l->tail));
	buf_free(&scratch);
	return r;
}

/* The answer in these bytes; BROKEN: not yet. */
static int
find_letter(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		switch (s.p[i]) {
		case 'K':
			return SUBMIT_OK;
		case 'Z':
			return SUBMIT_LATER;
		case 'D':
			return SUBMIT_REFUSED;
		default:
			break;
		}
	}
	return BROKEN;
}

static int
read_answer(int fd)
{
	int64_t deadline = clock_ms() + IO_MS;
	char bytes[512];
	size_t total = 0;
	size_t got = 1;
	int code = BROKEN;

	while (code == BROKEN && got > 0 && total < ANSWER_MAX) {
		if (fd_read(fd, bytes, sizeof(bytes), deadline, &got) < 0)
			return BROKEN;
		total += got;
		code = find_letter((struct span){ bytes, got });
	}
	return code;
}

/* From here on there is no other server: this one may have the message. */
static int
converse(int fd, struct letter *l)
{
	int r = send_letter(fd, l);
	int code = BROKEN;

	/* whoever refuses early says why, and reads no further */
	if (r == 0 || err_is(r, EPIPE) || err_is(r, ECONNRESET))
		code = read_answer(fd);
	/* but nobody takes what was not sent */
	return r < 0 && code == SUBMIT_OK ? BROKEN : code;
}

static int
give(const struct servers *s, struct letter *l)
{
	int code = SUBMIT_CONFIG;

	for (size_t i = 0; i < s->n; i++) {
		int fd;

		code = reach(&s->list[i], &fd);
		if (code == SUBMIT_OK) {
			code = converse(fd, l);
			fd_close(&fd);
			return code;
		}
		if (code == NO_SOCKET)
			return code;
	}
	return code;
}

int
main(void)
{
	/* a closed descriptor must not become /dev/null: nothing came in */
	bool is_fed = fd_is_open(0) && fd_is_open(1);
	struct letter letter = { .head = BUF_INIT(64),
		.msg = SPOOL_INIT,
		.tail = BUF_INIT(ADDRESSES_MAX) };
	struct servers servers;
	int code;

	prog_start("qmail-qmqpc");
	if (!is_fed)
		return SUBMIT_READ;
	if (home_enter() < 0)
		return SUBMIT_HOME;
	servers.n = 0;
	if (control_each("qmqpservers", add_server, &servers) < 0 ||
	    servers.n == 0)
		return SUBMIT_CONFIG;
	code = read_letter(&letter);
	if (code == SUBMIT_OK)
		code = give(&servers, &letter);
	buf_free(&letter.head);
	spool_free(&letter.msg);
	buf_free(&letter.tail);
	return code;
}
