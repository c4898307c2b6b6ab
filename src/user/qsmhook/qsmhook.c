/*
 * qsmhook - run a mailer that was written for sendmail
 *
 * Run by:   qmail-local(8), for a line "|qsmhook ..." of a .qmail file
 * Runs as:  the owner of that .qmail file
 * Input:    the message on descriptor 0; UFLINE, RPLINE, DTLINE, LOCAL,
 *           HOST and SENDER of the environment
 * Trusts:   its operands, which the account owner wrote; nothing in the
 *           message. The mailer gets addresses as arguments, not by a shell
 * Output:   lines in front, as options say, and the message, to the mailer
 * Exits:    as the mailer; 100 misused, or it cannot be run; 111 later
 *
 * Contract local.md 4.2. preline(1) is the better way.
 */
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "sys/child.h"
#include "sys/prog.h"

#define USAGE "qsmhook [ -DFlMmnPs ] [ -x prefix ] program [ arg ... ]"

enum { LINES_BYTES = 1024 * 1024, ARGUMENT_BYTES = 1024 * 1024 };

struct hook {
	struct span sender, host, local;
	const char *prefix;
	bool has_ufline, has_rpline, has_dtline;
};

static struct span
need(const char *variable)
{
	return span_cstr(prog_need(variable, EX_HARD));
}

static void
read_options(struct hook *h, struct prog_opt *o)
{
	int c;

	while ((c = prog_opt_next(o, "DFlMmnPsx:")) >= 0) {
		switch (c) {
		case 'l':
			h->has_dtline = true;
			break;
		case 'n':
			h->has_ufline = false;
			break;
		case 'P':
			h->has_rpline = true;
			break;
		case 'x':
			h->prefix = o->arg;
			break;
		case '?':
			prog_usage(USAGE);
		default: /* meant for sendmail */
			break;
		}
	}
}

/* %g, %h and %u as sendmail has them. */
static void
expand(struct buf *b, const struct hook *h, const char *text)
{
	for (const char *p = text; *p != '\0'; p++) {
		if (p[0] != '%' || p[1] == '\0') {
			buf_putc(b, *p);
			continue;
		}
		p++;
		if (*p == 'g')
			buf_put(b, h->sender);
		else if (*p == 'h')
			buf_put(b, h->host);
		else if (*p == 'u')
			buf_put(b, h->local);
		else
			buf_putc(b, *p);
	}
}

static char *
argument(const struct hook *h, const char *text)
{
	struct buf b = BUF_INIT(ARGUMENT_BYTES);
	char *made = NULL;

	expand(&b, h, text);
	if (buf_err(&b) == 0)
		made = mem_cstr(buf_span(&b));
	if (made == NULL)
		prog_die(EX_SOFT, "out of memory", 0);
	buf_free(&b);
	return made;
}

int
main(int argc, char **argv)
{
	struct prog_opt o = PROG_OPT(argc, argv);
	struct hook h = { .has_ufline = true };
	struct buf head = BUF_INIT(LINES_BYTES);
	struct span ufline, rpline, dtline;
	char **made;
	size_t n;

	prog_start("qsmhook");
	read_options(&h, &o);
	n = o.index < argc ? (size_t)(argc - o.index) : 0;
	if (n == 0)
		prog_usage(USAGE);
	dtline = need("DTLINE");
	rpline = need("RPLINE");
	ufline = need("UFLINE");
	h.local = need("LOCAL");
	h.host = need("HOST");
	h.sender = need("SENDER");
	if (h.prefix != NULL && span_starts(h.local, span_cstr(h.prefix)))
		h.local = span_tail(h.local, span_cstr(h.prefix).len);
	made = mem_new(n + 1, sizeof(*made));
	if (made == NULL)
		prog_die(EX_SOFT, "out of memory", 0);
	for (size_t i = 0; i < n; i++)
		made[i] = argument(&h, argv[o.index + (int)i]);
	buf_put(&head, h.has_ufline ? ufline : SPAN(""));
	buf_put(&head, h.has_rpline ? rpline : SPAN(""));
	buf_put(&head, h.has_dtline ? dtline : SPAN(""));
	if (buf_err(&head) < 0)
		prog_die(EX_SOFT, "out of memory", 0);
	/* all of it is needed until we end */
	return child_feed(made, buf_span(&head), 0);
}
