/*
 * sendmail - the command that other programs hand their mail to
 *
 * Run by:   anybody, also under the names mailq and newaliases
 * Runs as:  whoever runs it; needs no privilege
 * Input:    options and recipients; what is on descriptor 0 is for the
 *           program that takes over
 * Trusts:   the caller, for whom alone it works; nothing is set-id here
 * Output:   none of its own
 * Exits:    100 not understood, 111 the program cannot be run; else as
 *           qmail-inject(8), qmail-qread(8) or qmail-smtpd(8) does, which it
 *           becomes
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "sys/env.h"
#include "sys/home.h"
#include "sys/prog.h"
#include "sys/sig.h"

enum { PATH_LIMIT = 4096, WORDS = 5 /* inject -a -f sender -- */ };

struct sendmail {
	const char *home;
	char mode;              /* 'm' send, 'p' list the queue, 's' SMTP */
	const char *recipients; /* which qmail-inject takes: -a or -H */
	const char *sender;     /* -f, or NULL */
	const char *name;       /* -F, or NULL */
	char **args;
};

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

static void NORETURN
usage(void)
{
	prog_usage("sendmail [ -t ] [ -fsender ] [ -Fname ] [ -bp ] [ -bs ] "
		   "[ arg ... ]");
}

/* What follows -b. */
static void
read_mode(struct sendmail *s, const char *arg)
{
	if (strlen(arg) != 1 || strchr("mps", arg[0]) == NULL)
		usage();
	s->mode = arg[0];
}

static void
read_options(struct sendmail *s, int argc, char **argv)
{
	/* the second half is accepted as other sendmails have it */
	static const char letters[] = "vimte:f:p:o:B:F:EJxb:"
				      "N:R:V:O:GUns";
	struct prog_opt o = PROG_OPT(argc, argv);
	int c;

	while ((c = prog_opt_next(&o, letters)) != -1) {
		switch (c) {
		case 't':
			s->recipients = "-H";
			break;
		case 'f':
			s->sender = o.arg;
			break;
		case 'F':
			s->name = o.arg;
			break;
		case 'b':
			read_mode(s, o.arg);
			break;
		case 'E':
		case 'J':
			o.at = NULL; /* whatever is glued to it */
			break;
		case '?':
			usage();
		default:
			break;
		}
	}
	s->args = argv + o.index;
}

static void
set(const char *name, struct span value)
{
	int r = env_put(name, value);

	if (r < 0)
		prog_die(EX_SOFT, "unable to set the environment", r);
}

/* Let qmail-inject write a From field that agrees with the sender. */
static void
set_author(const struct sendmail *s)
{
	static const char *const others[] = { "QMAILNAME", "MAILNAME", "NAME",
		"QMAILHOST", "MAILHOST" };
	struct span sender;
	size_t at;

	if (s->name != NULL)
		set("MAILNAME", span_cstr(s->name));
	if (s->sender == NULL)
		return;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		env_drop(others[i]);
	sender = span_cstr(s->sender);
	at = span_rfind(sender, '@');
	set("QMAILUSER", span_head(sender, at));
	if (at < sender.len)
		set("QMAILHOST", span_tail(sender, at + 1));
}

/* Become bin/PROGRAM. Not by way of the home directory: what the caller
 * named is relative to his. */
static void NORETURN
become(const char *home, const char *program, const char **argv)
{
	struct buf path = BUF_INIT(PATH_LIMIT);
	const char *p;
	int r;

	buf_puts(&path, home);
	buf_puts(&path, "/bin/");
	buf_puts(&path, program);
	r = buf_cstr(&path, &p);
	if (r == 0) {
		argv[0] = p;
		sig_default(SIGPIPE);
		(void)execv(p, (char *const *)(uintptr_t)argv);
		r = err_of(errno);
	}
	prog_die_file(EX_SOFT, "unable to run", program, r);
}

static void NORETURN
send(const struct sendmail *s)
{
	const char **argv;
	size_t n = 0, i = 1;

	while (s->args[n] != NULL)
		n++;
	argv = mem_new(n + WORDS + 1, sizeof(*argv));
	if (argv == NULL)
		prog_die(EX_SOFT, "out of memory", 0);
	argv[i++] = s->recipients;
	if (s->sender != NULL) {
		argv[i++] = "-f";
		argv[i++] = s->sender;
	}
	argv[i++] = "--";
	for (n = 0; s->args[n] != NULL; n++)
		argv[i++] = s->args[n];
	set_author(s);
	become(s->home, "qmail-inject", argv);
}

static void NORETURN
list_queue(const struct sendmail *s)
{
	become(s->home, "qmail-qread", (const char *[]){ NULL, NULL });
}

/* A conversation with the caller, who may relay. */
static void NORETURN
serve(const struct sendmail *s)
{
	if (env_get("PROTO") == NULL) {
		set("RELAYCLIENT", SPAN(""));
		set("DATABYTES", SPAN("0"));
		set("PROTO", SPAN("TCP"));
		set("TCPLOCALIP", SPAN("127.0.0.1"));
		set("TCPLOCALHOST", SPAN("localhost"));
		set("TCPREMOTEIP", SPAN("127.0.0.1"));
		set("TCPREMOTEHOST", SPAN("localhost"));
		set("TCPREMOTEINFO", SPAN("sendmail-bs"));
	}
	become(s->home, "qmail-smtpd", (const char *[]){ NULL, NULL });
}

int
main(int argc, char **argv)
{
	struct sendmail s = { .mode = 'm', .recipients = "-a" };
	const char *called = argc > 0 ? base_name(argv[0]) : "";

	prog_start("sendmail");
	read_options(&s, argc, argv);
	s.home = home_path();
	if (strcmp(called, "newaliases") == 0)
		prog_die(
		    EX_HARD, "please use fastforward/newaliases instead", 0);
	if (s.mode == 'p' || strcmp(called, "mailq") == 0)
		list_queue(&s);
	if (s.mode == 's')
		serve(&s);
	send(&s);
}
