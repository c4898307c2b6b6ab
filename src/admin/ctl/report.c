/*
 * report - what is known of a message: see report.h
 */
#include "report.h"

#include "doc.h"
#include "text.h"
#include "when.h"

enum {
	/* columns: for 80 to 120 in all */
	W_ID = 16,
	W_AGE = 6,
	W_SIZE = 5,
	W_RCPTS = 7,
	W_STATE = 9,
	W_NEXT = 6,
	CELL_MAX = 64
};

static const char *const channels[] = {
	[ROUTES_LOCAL] = "local", [ROUTES_REMOTE] = "remote"
};

struct span
report_state(const struct message *m, const struct live *l)
{
	bool is_idle = !l->is_known || span_eq(l->stage, SPAN("new")) ||
		       span_eq(l->stage, SPAN("waiting"));

	if (is_idle && (l->is_known ? l->is_held : m->note.is_held))
		return SPAN("held");
	if (l->is_known)
		return l->stage;
	if (!m->has_note)
		return SPAN("new");
	return message_pending(m) > 0 ? SPAN("waiting") : SPAN("finishing");
}

int64_t
report_next(const struct message *m, const struct live *l, enum channel c)
{
	return l->is_known ? l->next[c] : m->note.next[c];
}

/* The channel that is tried first. */
static int64_t
first_next(const struct message *m, const struct live *l)
{
	int64_t local = report_next(m, l, CHANNEL_LOCAL);
	int64_t remote = report_next(m, l, CHANNEL_REMOTE);

	return local == 0 || (remote != 0 && remote < local) ? remote : local;
}

void
report_until(struct buf *b, const struct reader *r, int64_t t)
{
	if (t <= r->now) {
		buf_puts(b, "now");
		return;
	}
	buf_puts(b, "in ");
	when_put_span(b, t - r->now);
}

void
report_names(struct buf *line)
{
	text_left(line, SPAN("ID"), W_ID);
	text_right(line, SPAN("AGE"), W_AGE);
	text_right(line, SPAN("SIZE"), W_SIZE);
	text_right(line, SPAN("RCPTS"), W_RCPTS);
	text_left(line, SPAN("STATE"), W_STATE);
	text_right(line, SPAN("NEXT"), W_NEXT);
	buf_puts(line, " SENDER\n");
}

/* Move a cell into the line. */
static void
put_cell(struct buf *line, struct buf *cell, bool is_left, size_t width)
{
	struct span s = buf_err(cell) == 0 ? buf_span(cell) : SPAN("?");

	if (is_left)
		text_left(line, s, width);
	else
		text_right(line, s, width);
	buf_reset(cell);
}

void
report_row(struct buf *line, const struct reader *r, const struct message *m,
    const struct live *l)
{
	struct buf cell = BUF_INIT(CELL_MAX);
	struct span state = report_state(m, l);
	int64_t next = first_next(m, l);

	buf_putu(&cell, m->env.id);
	put_cell(line, &cell, true, W_ID);
	when_put_span(&cell, r->now - envelope_birth(m->env.id));
	put_cell(line, &cell, false, W_AGE);
	text_size(&cell, m->env.size);
	put_cell(line, &cell, false, W_SIZE);
	buf_putu(&cell, message_pending(m));
	buf_putc(&cell, '/');
	buf_putu(&cell, m->env.nrcpt);
	put_cell(line, &cell, false, W_RCPTS);
	text_left(line, state, W_STATE);
	if (next == 0 || span_eq(state, SPAN("held")))
		buf_putc(&cell, '-');
	else if (next <= r->now)
		buf_puts(&cell, "now");
	else
		when_put_span(&cell, next - r->now);
	put_cell(line, &cell, false, W_NEXT);
	buf_puts(line, " <");
	text_put(line, m->env.sender);
	buf_puts(line, ">\n");
	buf_free(&cell);
}

static json_t *
notify_doc(unsigned int notify)
{
	static const struct {
		unsigned int bit;
		const char *word;
	} words[] = { { NOTIFY_NEVER, "never" }, { NOTIFY_SUCCESS, "success" },
		{ NOTIFY_FAILURE, "failure" }, { NOTIFY_DELAY, "delay" } };
	json_t *list = doc_array();

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if ((notify & words[i].bit) != 0)
			doc_append(list, json_string(words[i].word));
	return list;
}

static json_t *
recipient_doc(struct reader *r, const struct message *m,
    const struct recipient *rcpt, uint32_t index)
{
	struct way w = reader_way(r, m, rcpt->addr);
	json_t *o = doc_object();
	struct span why;

	doc_text(o, "address", rcpt->addr);
	doc_bool(o, "done", note_is_done(&m->note, index));
	doc_put(o, "channel", json_string(channels[w.to]));
	doc_text(o, "routed", w.addr);
	if (w.is_relay) {
		doc_text(o, "relay", w.relay);
		doc_number(o, "port", w.port);
	} else {
		doc_null(o, "relay");
		doc_null(o, "port");
	}
	doc_bool(o, "override", w.is_override);
	if (note_why(&m->note, index, &why))
		doc_text(o, "reason", why);
	else
		doc_null(o, "reason");
	doc_put(o, "notify", notify_doc(rcpt->notify));
	if (rcpt->orcpt.len > 0)
		doc_text(o, "orcpt", rcpt->orcpt);
	return o;
}

static json_t *
recipients_doc(struct reader *r, const struct message *m)
{
	struct span rest = m->env.rcpts;
	struct recipient rcpt;
	json_t *list = doc_array();

	for (uint32_t i = 0; envelope_next(&rest, &rcpt); i++)
		doc_append(list, recipient_doc(r, m, &rcpt, i));
	return list;
}

static json_t *
waits_doc(const struct live *l)
{
	json_t *o;

	if (!l->is_known || !l->is_waiting)
		return json_null();
	o = doc_object();
	doc_text(o, "channel", l->channel);
	doc_text(o, "key", l->key);
	return o;
}

/* Where it came from, and what its sender asked for. */
static void
put_envelope(json_t *o, const struct reader *r, const struct envelope *e)
{
	doc_id(o, e->id);
	doc_time(o, "accepted", envelope_birth(e->id));
	doc_put(o, "age", json_integer(r->now - envelope_birth(e->id)));
	doc_number(o, "size", e->size);
	doc_number(o, "uid", e->uid);
	doc_number(o, "pid", e->pid);
	doc_text(o, "host", e->node);
	doc_text(o, "sender", e->sender);
	if (e->ret != 0)
		doc_put(o, "ret", json_string(e->ret == 'H' ? "hdrs" : "full"));
	if (e->envid.len > 0)
		doc_text(o, "envid", e->envid);
}

json_t *
report_doc(struct reader *r, const struct message *m, const struct live *l)
{
	json_t *o = doc_object();

	put_envelope(o, r, &m->env);
	doc_text(o, "state", report_state(m, l));
	doc_bool(o, "live", l->is_known);
	doc_bool(o, "held", l->is_known ? l->is_held : m->note.is_held);
	doc_bool(o, "warned", m->note.is_warned);
	doc_number(o, "attempts", m->note.attempts);
	doc_number(o, "running", l->running);
	doc_time(o, "next_attempt", first_next(m, l));
	doc_time(o, "next_local", report_next(m, l, CHANNEL_LOCAL));
	doc_time(o, "next_remote", report_next(m, l, CHANNEL_REMOTE));
	doc_put(o, "waits_for", waits_doc(l));
	doc_number(o, "pending", message_pending(m));
	doc_put(o, "recipients", recipients_doc(r, m));
	doc_text(o, "failures", buf_span(&m->note.bounce));
	return o;
}
