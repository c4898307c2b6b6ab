/*
 * tcp-env - tell a program about the connection it is run for
 *
 * Run by:   inetd(8) and its like, before a program that wants TCPREMOTEIP
 * Runs as:  whoever runs it; needs no privilege
 * Input:    a TCP connection on descriptor 0; the resolver; the other
 *           host's identification server (RFC 1413)
 * Trusts:   the kernel about addresses; nothing that a name server or the
 *           other host says, which it only passes on
 * Output:   none of its own: variables of the program's environment
 * Exits:    as the program, which takes its place; 111, silently, when
 *           descriptor 0 is no TCP connection, or the program cannot be run
 *
 * Contract local.md 4.3, edges.md 2.1, 2.2.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/ascii.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/num.h"
#include "sys/clock.h"
#include "sys/env.h"
#include "sys/fd.h"
#include "sys/prog.h"
#include "sys/sig.h"
#include "sys/sock.h"

enum {
	IDENT_PORT = 113,
	IDENT_SECONDS = 30,
	IDENT_SECONDS_MAX = 3600,
	INFO_MAX = 998, /* bytes */
	ANSWER_MAX = 4096,
	HOST_BYTES = NI_MAXHOST
};

/* One end of the connection. */
struct end {
	struct sockaddr_storage address;
	socklen_t len;
	unsigned int port;
	char ip[INET6_ADDRSTRLEN];
};

static void NORETURN
give_up(void)
{
	exit(EX_SOFT);
}

static void
put(const char *name, struct span value)
{
	if (env_put(name, value) < 0)
		give_up();
}

static void
put_number(const char *name, unsigned int n)
{
	struct buf b = BUF_INIT(16);

	buf_putu(&b, n);
	if (buf_err(&b) < 0)
		give_up();
	put(name, buf_span(&b));
	buf_free(&b);
}

/* An IPv4 address inside IPv6 is one. */
static void
unmap(struct end *e)
{
	const struct sockaddr_in6 *six = (const void *)&e->address;
	struct sockaddr_in four = { .sin_family = AF_INET };

	if (e->address.ss_family != AF_INET6 ||
	    !IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
		return;
	four.sin_port = six->sin6_port;
	memcpy(&four.sin_addr, six->sin6_addr.s6_addr + 12, 4);
	memcpy(&e->address, &four, sizeof(four));
	e->len = sizeof(four);
}

static void
name_end(struct end *e)
{
	const struct sockaddr_in *four = (const void *)&e->address;
	const struct sockaddr_in6 *six = (const void *)&e->address;
	const void *bytes = &four->sin_addr;

	unmap(e);
	if (e->address.ss_family == AF_INET6) {
		bytes = &six->sin6_addr;
		e->port = ntohs(six->sin6_port);
	} else if (e->address.ss_family == AF_INET) {
		e->port = ntohs(four->sin_port);
	} else {
		give_up();
	}
	if (inet_ntop(e->address.ss_family, bytes, e->ip, sizeof(e->ip)) ==
	    NULL)
		give_up();
}

/* The name of an address, in lower case, as a variable; unset: none. */
static void
put_host(const char *variable, const struct end *e)
{
	char host[HOST_BYTES];
	int r = getnameinfo((const void *)&e->address, e->len, host,
	    sizeof(host), NULL, 0, NI_NAMEREQD);

	if (r == 0) {
		for (char *p = host; *p != '\0'; p++)
			*p = ascii_lower((unsigned char)*p);
		put(variable, span_cstr(host));
	} else if (r == EAI_AGAIN || r == EAI_SYSTEM || r == EAI_MEMORY) {
		put(variable, SPAN("softdnserror"));
	} else {
		env_drop(variable);
	}
}

/* --- who is it (RFC 1413) --- */

static void
set_port(struct sockaddr_storage *a, unsigned int port)
{
	struct sockaddr_in *four = (void *)a;
	struct sockaddr_in6 *six = (void *)a;

	if (a->ss_family == AF_INET)
		four->sin_port = htons((uint16_t)port);
	else
		six->sin6_port = htons((uint16_t)port);
}

static int
reach(
    int fd, const struct end *local, const struct end *remote, int64_t deadline)
{
	struct sockaddr_storage from = local->address, to = remote->address;

	set_port(&from, 0);
	set_port(&to, IDENT_PORT);
	if (bind(fd, (const void *)&from, local->len) < 0)
		return err_sys();
	return sock_reach(fd, (const void *)&to, remote->len, deadline);
}

/* Behind the third colon, without blanks: "6195, 25 : USERID : UNIX : joe" */
static void
read_answer(struct span s, struct buf *info)
{
	int colons = 0;

	for (size_t i = 0; i < s.len && s.p[i] != '\n'; i++) {
		char c = s.p[i];

		if (c == ' ' || c == '\t' || c == '\r' || c == '\0')
			continue;
		if (colons < 3)
			colons += c == ':';
		else if (info->len < INFO_MAX)
			buf_putc(info, c);
	}
}

static int
converse(int fd, const struct end *local, const struct end *remote,
    int64_t deadline, struct buf *info)
{
	struct buf b = BUF_INIT(ANSWER_MAX);
	size_t got = 1;
	int r;

	buf_putu(&b, remote->port);
	buf_puts(&b, " , ");
	buf_putu(&b, local->port);
	buf_puts(&b, "\r\n");
	r = buf_err(&b);
	if (r == 0)
		r = fd_write(fd, buf_span(&b), deadline);
	buf_reset(&b);
	while (r == 0 && got > 0 && b.len < b.max &&
	       span_find(buf_span(&b), '\n') == b.len)
		r = fd_read_buf(fd, &b, b.max - b.len, deadline, &got);
	/* half an answer is none */
	if (r == 0 && span_find(buf_span(&b), '\n') < b.len)
		read_answer(buf_span(&b), info);
	buf_free(&b);
	return r;
}

static void
put_info(const struct end *local, const struct end *remote, uint64_t seconds)
{
	int64_t deadline = clock_ms() + (int64_t)seconds * 1000;
	struct buf info = BUF_INIT(INFO_MAX);
	int fd = socket(local->address.ss_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	/* whatever goes wrong, nobody has said who it is */
	if (fd >= 0 && reach(fd, local, remote, deadline) == 0)
		err_ignore(converse(fd, local, remote, deadline, &info));
	if (buf_err(&info) == 0 && info.len > 0)
		put("TCPREMOTEINFO", buf_span(&info));
	fd_close(&fd);
	buf_free(&info);
}

/* --- all of it --- */

static void
tell(bool must_ask, uint64_t seconds)
{
	struct end local = { .len = sizeof(local.address) };
	struct end remote = { .len = sizeof(remote.address) };
	socklen_t len = sizeof(int);
	int type = 0;

	if (getsockopt(0, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
	    type != SOCK_STREAM)
		give_up();
	if (getsockname(0, (void *)&local.address, &local.len) < 0 ||
	    getpeername(0, (void *)&remote.address, &remote.len) < 0)
		give_up();
	name_end(&local);
	name_end(&remote);
	put("PROTO", SPAN("TCP"));
	put("TCPLOCALIP", span_cstr(local.ip));
	put_number("TCPLOCALPORT", local.port);
	put_host("TCPLOCALHOST", &local);
	put("TCPREMOTEIP", span_cstr(remote.ip));
	put_number("TCPREMOTEPORT", remote.port);
	put_host("TCPREMOTEHOST", &remote);
	env_drop("TCPREMOTEINFO");
	if (must_ask)
		put_info(&local, &remote, seconds);
}

/* An option that we do not know is none. */
static void
read_options(int *argc, char ***argv, bool *must_ask, uint64_t *seconds)
{
	int c;

	opterr = 0;
	while ((c = getopt(*argc, *argv, "+rRt:")) >= 0) {
		if (c == 'r' || c == 'R')
			*must_ask = c == 'r';
		if (c == 't' && num_parse(span_cstr(optarg), IDENT_SECONDS_MAX,
				    seconds) < 0)
			*seconds = IDENT_SECONDS;
	}
	*argc -= optind;
	*argv += optind;
}

int
main(int argc, char **argv)
{
	const char *proto = env_get("PROTO");
	uint64_t seconds = IDENT_SECONDS;
	bool must_ask = true;

	read_options(&argc, &argv, &must_ask, &seconds);
	if (argc < 1)
		give_up();
	sig_ignore(SIGPIPE);
	if (proto == NULL || strcmp(proto, "TCP") != 0)
		tell(must_ask, seconds);
	sig_default(SIGPIPE);
	(void)execvp(argv[0], argv);
	return EX_SOFT;
}
