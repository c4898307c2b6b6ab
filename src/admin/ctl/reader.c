/*
 * reader - looks at the messages of the queue: see reader.h
 */
#include "reader.h"

#include "base/err.h"
#include "conf/control.h"
#include "conf/overrides.h"
#include "conf/smtproutes.h"
#include "mail/address.h"
#include "say.h"
#include "sys/clock.h"
#include "sys/prog.h"

enum { FILE_LIMIT = ENVELOPE_MAX + 8192, ROUTED_LIMIT = 64 * 1024 };

static void
read_overrides(struct reader *r)
{
	char number[NUMBER_MAX];
	int64_t end;
	size_t line;
	int code = overrides_read(r->now, &r->overrides, &end, &line);

	/* qmail-send does not use it either */
	if (code == E_SYNTAX)
		say_warn(PARTS("warning: " OVERRIDES_FILE ":",
		    say_number(line, number), ": ", err_text(code)));
	else if (code < 0)
		prog_die(EX_SOFT, "unable to read " OVERRIDES_FILE, code);
}

void
reader_open(struct reader *r)
{
	int code;

	*r = (struct reader){ .file = BUF_INIT(FILE_LIMIT),
		.routed = BUF_INIT(ROUTED_LIMIT),
		.now = clock_real() };
	code = routes_new(&r->routes);
	if (code == 0)
		code = control_table("smtproutes", &r->smtproutes);
	if (code < 0 && (r->routes == NULL || code != E_ABSENT))
		prog_die(EX_SOFT, "unable to read controls", code);
	read_overrides(r);
	code = store_open(&r->store);
	if (code < 0)
		prog_die(EX_SOFT, "unable to open the queue", code);
}

void
reader_close(struct reader *r)
{
	store_close(&r->store);
	routes_destroy(&r->routes);
	map_destroy(&r->smtproutes);
	map_destroy(&r->overrides);
	buf_free(&r->file);
	buf_free(&r->routed);
}

static void
complain(uint64_t id, const char *what, int code)
{
	char number[NUMBER_MAX];

	say_warn(PARTS("warning: ", say_number(id, number), ": ", what, ": ",
	    err_text(code)));
}

int
reader_load(struct reader *r, uint64_t id, struct message *m)
{
	int code;

	buf_reset(&r->file);
	code = store_envelope(r->store, id, &r->file, &m->env);
	if (code < 0) {
		if (code != E_ABSENT)
			complain(id, "unable to read the envelope", code);
		return code;
	}
	note_init(&m->note, id, m->env.nrcpt);
	code = store_note_read(r->store, &m->note);
	m->has_note = code == 0;
	if (code == 0 || code == E_ABSENT)
		return 0;
	complain(id, "unable to read the note", code);
	/* as qmail-send will see it */
	note_free(&m->note);
	note_init(&m->note, id, m->env.nrcpt);
	return 0;
}

void
message_free(struct message *m)
{
	note_free(&m->note);
}

uint32_t
message_pending(const struct message *m)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->env.nrcpt; i++)
		if (!note_is_done(&m->note, i))
			n++;
	return n;
}

struct way
reader_way(struct reader *r, const struct message *m, struct span rcpt)
{
	struct way w = { .addr = rcpt, .relay = SPAN("") };
	struct span local, value;
	struct route route;

	buf_reset(&r->routed);
	w.to = routes_apply(r->routes, rcpt, &r->routed);
	if (buf_err(&r->routed) == 0)
		w.addr = buf_span(&r->routed);
	if (!address_split(w.addr, &local, &w.host))
		w.host = SPAN("");
	if (w.to == ROUTES_LOCAL)
		return w;
	w.is_override = route_find(r->overrides, w.host, m->env.sender, &value);
	if (!w.is_override &&
	    !route_find(r->smtproutes, w.host, m->env.sender, &value))
		return w;
	route = route_parse(value);
	w.is_relay = route.is_relay;
	w.relay = route.relay;
	w.port = route.port;
	return w;
}
