/*
 * listeners - control/listeners: see listeners.h
 */
#include "listeners.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/num.h"
#include "conf/control.h"
#include "say.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/file.h"
#include "sys/prog.h"

enum {
	PORT_MAX = 65535,
	BACKLOG = 1024,
	/* what a killed program leaves behind needs a moment to end */
	BIND_MS = 1000,
	BIND_STEP_MS = 20
};

struct protocol {
	const char *name;
	const char *program;
};

static const struct protocol protocols[] = {
	{ "smtp", "bin/qmail-smtpd" },
};

static const struct protocol *
find_protocol(struct span name)
{
	for (size_t i = 0; i < sizeof(protocols) / sizeof(*protocols); i++)
		if (span_eq(name, span_cstr(protocols[i].name)))
			return &protocols[i];
	return NULL;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The bytes before the first blank; *s keeps what follows the blanks. */
static struct span
take_word(struct span *s)
{
	struct span word;
	size_t n = 0;

	while (n < s->len && !is_blank(s->p[n]))
		n++;
	word = span_head(*s, n);
	while (n < s->len && is_blank(s->p[n]))
		n++;
	*s = span_tail(*s, n);
	return word;
}

static int
set_address(struct listener *l, const char *host, bool is_v6, uint16_t port)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6,
		.sin6_port = htons(port) };
	struct sockaddr_in four = { .sin_family = AF_INET,
		.sin_port = htons(port) };

	if (is_v6) {
		if (inet_pton(AF_INET6, host, &six.sin6_addr) != 1)
			return E_SYNTAX;
		memcpy(&l->address, &six, sizeof(six));
		l->address_len = sizeof(six);
		return 0;
	}
	if (inet_pton(AF_INET, host, &four.sin_addr) != 1)
		return E_SYNTAX;
	memcpy(&l->address, &four, sizeof(four));
	l->address_len = sizeof(four);
	return 0;
}

/* "ADDRESS:PORT" or "[ADDRESS]:PORT". */
static int
parse_address(struct span where, struct listener *l)
{
	char host[INET6_ADDRSTRLEN];
	size_t colon = span_rfind(where, ':');
	struct span name = span_head(where, colon);
	uint64_t port;
	bool is_v6;

	if (colon == where.len ||
	    num_parse(span_tail(where, colon + 1), PORT_MAX, &port) < 0 ||
	    port == 0)
		return E_SYNTAX;
	is_v6 = span_starts(name, SPAN("[")) && span_ends(name, SPAN("]"));
	if (is_v6)
		name = span_head(span_tail(name, 1), name.len - 2);
	if (name.len >= sizeof(host) || span_find(name, '\0') < name.len)
		return E_SYNTAX;
	memcpy(host, name.p, name.len);
	host[name.len] = '\0';
	return set_address(l, host, is_v6, (uint16_t)port);
}

/* The service's name, which is also that of its log. */
static int
set_name(struct listener *l, const char *protocol, struct span where)
{
	struct buf name = BUF_INIT(LISTENER_NAME_MAX - 1);
	const char *text;
	int r;

	buf_puts(&name, protocol);
	buf_putc(&name, '-');
	buf_put(&name, where);
	r = buf_cstr(&name, &text);
	if (r == 0)
		memcpy(l->name, text, name.len + 1);
	buf_free(&name);
	return r;
}

/* Read one line. E_SYNTAX, and *why is what is wrong with it. */
static int
parse_line(struct span text, struct listener *out, const char **why)
{
	struct span word = take_word(&text);
	struct span where = take_word(&text);
	const struct protocol *p = find_protocol(word);

	*out = (struct listener){ .fd = -1 };
	*why = "no such protocol";
	if (p == NULL)
		return E_SYNTAX;
	*why = "no address such as 127.0.0.1:2525 or [::1]:2525";
	if (parse_address(where, out) < 0)
		return E_SYNTAX;
	*why = "something follows the address";
	if (text.len > 0)
		return E_SYNTAX;
	*why = "too long";
	out->program = p->program;
	return set_name(out, p->name, where) < 0 ? E_SYNTAX : 0;
}

static void NORETURN
die_line(int code, size_t line, const char *const what[2], int r)
{
	char number[NUMBER_MAX];

	say_die(code,
	    PARTS("control/listeners:", say_number(line, number), ": ", what[0],
		what[1]),
	    r);
}

static void
read_line(struct listeners *l, struct span text, size_t line)
{
	const char *why;

	if (l->n == LISTENERS_MAX)
		die_line(EX_HARD, line,
		    (const char *const[2]){ "too many listeners", "" }, 0);
	if (parse_line(text, &l->list[l->n], &why) < 0)
		die_line(EX_HARD, line, (const char *const[2]){ why, "" }, 0);
	l->list[l->n++].line = line;
}

void
listeners_read(struct listeners *l)
{
	struct buf all = BUF_INIT(CONTROL_MAX);
	struct span rest, text;
	int r = file_read(FILE_CWD, "control/listeners", &all);

	l->n = 0;
	if (r < 0 && r != E_ABSENT)
		prog_die_file(
		    EX_SOFT, "unable to read", "control/listeners", r);
	rest = r < 0 ? SPAN("") : buf_span(&all);
	for (size_t line = 1; span_line(&rest, &text); line++) {
		text = span_trim_end(text);
		if (text.len > 0 && text.p[0] != '#')
			read_line(l, text, line);
	}
	buf_free(&all);
}

static int
try_bind(struct listener *l)
{
	const struct sockaddr *name = (const struct sockaddr *)&l->address;
	const int on = 1;
	int fd = socket(name->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r = 0;

	if (fd < 0)
		return err_sys();
	/* connections of an earlier run do not matter */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    (name->sa_family == AF_INET6 &&
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) <
		    0) ||
	    bind(fd, name, l->address_len) < 0 || listen(fd, BACKLOG) < 0)
		r = err_sys();
	if (r < 0)
		fd_close(&fd);
	l->fd = fd;
	return r;
}

void
listeners_bind(struct listeners *l)
{
	int64_t until = clock_ms() + BIND_MS;

	for (size_t i = 0; i < l->n; i++) {
		struct listener *one = &l->list[i];
		int r = try_bind(one);

		while (err_is(r, EADDRINUSE) && clock_ms() < until) {
			(void)poll(NULL, 0, BIND_STEP_MS);
			r = try_bind(one);
		}
		if (r < 0)
			die_line(EX_SOFT, one->line,
			    (const char *const[2]){
				"unable to listen on ", one->name },
			    r);
	}
}
