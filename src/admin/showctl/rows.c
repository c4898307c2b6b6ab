/*
 * rows - what there is to say about each control file: see rows.h
 *
 * The sentences are those of contract queue.md 8; the files at the end of
 * the table are our own.
 */
#include "rows.h"

#include <string.h>

#include "base/ascii.h"
#include "base/err.h"
#include "conf/control.h"
#include "sys/file.h"

/* A value stands between before and after. */
struct row {
	const char *name;
	void (*show)(struct rows *s, const struct row *row);
	const char *before, *after;
	const char *standard; /* a value; or, where there is none, a sentence */
};

void
rows_put_safe(struct out *out, struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.p[i];

		if (!ascii_is_print((unsigned char)c))
			c = '?';
		out_put(out, (struct span){ &c, 1 });
	}
}

static void
say(struct rows *s, const struct row *row, struct span value)
{
	out_puts(s->out, row->before);
	rows_put_safe(s->out, value);
	out_puts(s->out, row->after);
	out_puts(s->out, "\n");
}

static void
say_default(struct rows *s, const char *words)
{
	out_puts(s->out, "(Default.) ");
	out_puts(s->out, words);
	out_puts(s->out, "\n");
}

static void
say_trouble(struct rows *s)
{
	out_puts(s->out, "Oops! Trouble reading this file.\n");
}

/* r: what reading the file into s->value gave. */
static void
show_value(struct rows *s, const struct row *row, int r, struct span standard)
{
	if (r == 0) {
		say(s, row, buf_span(&s->value));
	} else if (r == E_ABSENT) {
		out_puts(s->out, "(Default.) ");
		say(s, row, standard);
	} else {
		say_trouble(s);
	}
}

static void
show_line(struct rows *s, const struct row *row)
{
	show_value(s, row, control_line(row->name, &s->value),
	    span_cstr(row->standard));
}

/* A line whose default is me; without me, what programs use then. */
static void
show_host(struct rows *s, const struct row *row)
{
	show_value(s, row, control_line(row->name, &s->value),
	    s->has_me ? buf_span(&s->me) : span_cstr(row->name));
}

/* The number in a file, as s->value. */
static int
read_number(struct rows *s, const struct row *row)
{
	uint64_t n;
	int r = control_int(row->name, UINT64_MAX, &n);

	if (r < 0)
		return r;
	buf_reset(&s->value);
	buf_putu(&s->value, n);
	return buf_err(&s->value);
}

static void
show_number(struct rows *s, const struct row *row)
{
	show_value(s, row, read_number(s, row), span_cstr(row->standard));
}

/* The default of these is nothing one could write there: a sentence. */
static void
show_optional(struct rows *s, const struct row *row, int r)
{
	if (r == E_ABSENT)
		say_default(s, row->standard);
	else
		show_value(s, row, r, SPAN(""));
}

static void
show_limit(struct rows *s, const struct row *row)
{
	show_optional(s, row, read_number(s, row));
}

static void
show_text(struct rows *s, const struct row *row)
{
	show_optional(s, row, control_line(row->name, &s->value));
}

struct listing {
	struct rows *s;
	const struct row *row;
	bool has_begun;
};

static void
begin_list(struct listing *l)
{
	if (!l->has_begun)
		out_puts(l->s->out, "\n");
	l->has_begun = true;
}

static int
say_entry(void *ctx, struct span line)
{
	struct listing *l = ctx;

	begin_list(l);
	say(l->s, l->row, line);
	return 0;
}

static void
show_list(struct rows *s, const struct row *row)
{
	struct listing l = { s, row, false };
	int r = control_each(row->name, say_entry, &l);

	if (r == 0)
		begin_list(&l);
	else if (r == E_ABSENT)
		say_default(s, row->standard);
	else
		say_trouble(s);
}

static bool
exists(const char *path)
{
	struct file_stamp stamp;

	/* one that cannot be looked at is at least there */
	return file_stamp(FILE_CWD, path, &stamp) < 0 || stamp.ino != 0;
}

static void
show_more_hosts(struct rows *s, const struct row *row)
{
	static const struct row alone = { "morercpthosts", show_list,
		"No rcpthosts; doesn't matter that morercpthosts has ", ".",
		"No rcpthosts; morercpthosts is irrelevant." };

	show_list(s, exists("control/rcpthosts") ? row : &alone);
}

static void
show_more_cdb(struct rows *s, const struct row *row)
{
	struct file_stamp text, cdb;

	(void)row;
	if (file_stamp(FILE_CWD, "control/morercpthosts", &text) < 0 ||
	    file_stamp(FILE_CWD, "control/morercpthosts.cdb", &cdb) < 0)
		say_trouble(s);
	else if (text.ino == 0 && cdb.ino == 0)
		say_default(s, "No effect.");
	else if (cdb.ino == 0)
		out_puts(s->out, "Oops! morercpthosts exists but "
				 "morercpthosts.cdb doesn't.\n");
	else if (text.ino == 0)
		out_puts(s->out, "Oops! morercpthosts.cdb exists but "
				 "morercpthosts doesn't.\n");
	else if (cdb.mtime_ns < text.mtime_ns)
		out_puts(s->out, "Oops! morercpthosts.cdb is older than "
				 "morercpthosts.\n");
	else
		out_puts(s->out, "Modified recently enough; hopefully up to "
				 "date.\n");
}

static const struct row table[] = {
	{ "badmailfrom", show_list, "", " not accepted in MAIL FROM.",
	    "Any MAIL FROM is allowed." },
	{ "bouncefrom", show_line, "Bounce user name is ", ".",
	    "MAILER-DAEMON" },
	{ "bouncehost", show_host, "Bounce host name is ", ".", NULL },
	{ "concurrencylocal", show_number, "Local concurrency is ", ".", "10" },
	{ "concurrencyremote", show_number, "Remote concurrency is ", ".",
	    "20" },
	{ "databytes", show_number, "SMTP DATA limit is ", " bytes.", "0" },
	{ "defaultdomain", show_host, "Default domain name is ", ".", NULL },
	{ "defaulthost", show_host, "Default host name is ", ".", NULL },
	{ "doublebouncehost", show_host, "2B recipient host: ", ".", NULL },
	{ "doublebounceto", show_line, "2B recipient user: ", ".",
	    "postmaster" },
	{ "envnoathost", show_host, "Presumed domain name is ", ".", NULL },
	{ "helohost", show_host, "SMTP client HELO host name is ", ".", NULL },
	{ "idhost", show_host, "Message-ID host name is ", ".", NULL },
	{ "localiphost", show_host, "Local IP address becomes ", ".", NULL },
	{ "locals", show_list, "Messages for ", " are delivered locally.",
	    "Messages for me are delivered locally." },
	{ "me", show_line, "My name is ", ".", "undefined! Uh-oh" },
	{ "percenthack", show_list,
	    "The percent hack is allowed for user%host@", ".",
	    "The percent hack is not allowed." },
	{ "plusdomain", show_host, "Plus domain name is ", ".", NULL },
	{ "qmqpservers", show_list, "QMQP server: ", ".", "No QMQP servers." },
	{ "queuelifetime", show_number, "Message lifetime in the queue is ",
	    " seconds.", "604800" },
	{ "rcpthosts", show_list,
	    "SMTP clients may send messages to recipients at ", ".",
	    "SMTP clients may send messages to any recipient." },
	{ "morercpthosts", show_more_hosts,
	    "SMTP clients may send messages to recipients at ", ".",
	    "No effect." },
	{ "morercpthosts.cdb", show_more_cdb, NULL, NULL, NULL },
	{ "smtpgreeting", show_host, "SMTP greeting: 220 ", ".", NULL },
	{ "smtproutes", show_list, "SMTP route: ", "",
	    "No artificial SMTP routes." },
	{ "timeoutconnect", show_number, "SMTP client connection timeout is ",
	    " seconds.", "60" },
	{ "timeoutremote", show_number, "SMTP client data timeout is ",
	    " seconds.", "1200" },
	{ "timeoutsmtpd", show_number, "SMTP server data timeout is ",
	    " seconds.", "1200" },
	{ "virtualdomains", show_list, "Virtual domain: ", "",
	    "No virtual domains." },

	{ "bounceformat", show_line, "Bounce format is ", ".", "qsbmf" },
	{ "bouncemaxbytes", show_limit, "Bounces quote at most ",
	    " bytes of a message.",
	    "Bounces quote messages as bounceformat has it." },
	{ "concurrencydest", show_number, "Concurrency per destination is ",
	    ".", "20" },
	{ "concurrencyincoming", show_number, "SMTP server concurrency is ",
	    ".", "100" },
	{ "defaultdelivery", show_list, "Default delivery: ", "",
	    "Default delivery: ./Mailbox" },
	{ "delaywarn", show_text, "Senders are warned of a delay after ", ".",
	    "Senders are not warned of delays." },
	{ "eightbit", show_line,
	    "8-bit messages for servers without 8BITMIME: ", ".", "asis" },
	{ "listeners", show_list, "Listener: ", "", "No listeners." },
	{ "maildirquota", show_text, "Quota of maildirs: ", ".",
	    "Maildirs have no quota but their own." },
	{ "queuemin", show_text, "Free space the queue leaves: ", ".",
	    "Free space the queue leaves is up to qmail-queue." },
	{ "remotecommand", show_line, "Remote deliveries are made by ", ".",
	    "qmail-remote" },
	{ "retryschedule", show_list, "Retry schedule: ", "",
	    "Retry schedule: quadratic." },
	{ "routeoverrides", show_list, "Route override: ", "",
	    "No route overrides." },
};

enum { ROWS = sizeof(table) / sizeof(*table) };

void
rows_show(struct rows *s)
{
	for (size_t i = 0; i < ROWS; i++) {
		out_puts(s->out, "\n");
		out_puts(s->out, table[i].name);
		out_puts(s->out, ": ");
		table[i].show(s, &table[i]);
	}
}

bool
rows_know(const char *name)
{
	for (size_t i = 0; i < ROWS; i++)
		if (strcmp(table[i].name, name) == 0)
			return true;
	return false;
}
