/*
 * show - all there is to know of one message: see queue.h
 */
#include "args.h"
#include "base/err.h"
#include "base/num.h"
#include "doc.h"
#include "place.h"
#include "queue.h"
#include "report.h"
#include "say.h"
#include "sys/fd.h"
#include "sys/io.h"
#include "sys/prog.h"
#include "text.h"
#include "when.h"

enum {
	OUT_LIMIT = 1024 * 1024,
	LINE_LIMIT = 64 * 1024,
	ANSWER_LIMIT = 8192,
	CHUNK = 64 * 1024,
	NAME_WIDTH = 10
};

struct show {
	struct reader reader;
	struct message m;
	struct live live;
	struct out out;
	struct buf line;
};

static void
end_line(struct show *s)
{
	buf_putc(&s->line, '\n');
	if (buf_err(&s->line) == 0)
		out_put(&s->out, buf_span(&s->line));
	buf_reset(&s->line);
}

static void
name(struct show *s, const char *what)
{
	text_left(&s->line, span_cstr(what), NAME_WIDTH);
}

static void
put_moment(struct show *s, int64_t t)
{
	when_put_iso(&s->line, t);
	buf_puts(&s->line, " (");
	if (t > s->reader.now) {
		report_until(&s->line, &s->reader, t);
	} else {
		when_put_span(&s->line, s->reader.now - t);
		buf_puts(&s->line, " ago");
	}
	buf_putc(&s->line, ')');
}

static void
put_origin(struct show *s)
{
	const struct envelope *e = &s->m.env;

	name(s, "message");
	buf_putu(&s->line, e->id);
	end_line(s);
	name(s, "accepted");
	put_moment(s, envelope_birth(e->id));
	end_line(s);
	name(s, "from");
	buf_puts(&s->line, "uid ");
	buf_putu(&s->line, e->uid);
	buf_puts(&s->line, ", pid ");
	buf_putu(&s->line, e->pid);
	buf_puts(&s->line, " on ");
	text_put(&s->line, e->node);
	end_line(s);
	name(s, "size");
	buf_putu(&s->line, e->size);
	buf_puts(&s->line, " bytes, hash ");
	buf_puthex(&s->line, e->hash, 16);
	end_line(s);
	name(s, "sender");
	buf_putc(&s->line, '<');
	text_put(&s->line, e->sender);
	buf_putc(&s->line, '>');
	end_line(s);
}

/* What its sender asked for (RFC 3461). */
static void
put_wishes(struct show *s)
{
	const struct envelope *e = &s->m.env;

	if (e->ret != 0) {
		name(s, "ret");
		buf_puts(&s->line, e->ret == 'H' ? "hdrs" : "full");
		end_line(s);
	}
	if (e->envid.len > 0) {
		name(s, "envid");
		text_put(&s->line, e->envid);
		end_line(s);
	}
}

static void
put_next(struct show *s, enum channel c, const char *what)
{
	int64_t t = report_next(&s->m, &s->live, c);

	if (t == 0)
		return;
	name(s, "next");
	buf_puts(&s->line, what);
	buf_putc(&s->line, ' ');
	put_moment(s, t);
	end_line(s);
}

static void
put_state(struct show *s)
{
	const struct live *l = &s->live;

	name(s, "state");
	text_put(&s->line, report_state(&s->m, l));
	if (!l->is_known)
		buf_puts(&s->line, ", as far as the disk tells");
	if (l->running > 0) {
		buf_puts(&s->line, ", deliveries under way: ");
		buf_putu(&s->line, l->running);
	}
	end_line(s);
	name(s, "attempts");
	buf_putu(&s->line, s->m.note.attempts);
	if (s->m.note.is_warned)
		buf_puts(&s->line, ", the sender was told of the delay");
	end_line(s);
	put_next(s, CHANNEL_LOCAL, "local");
	put_next(s, CHANNEL_REMOTE, "remote");
	if (l->is_known && l->is_waiting) {
		name(s, "waits for");
		text_put(&s->line, l->channel);
		buf_putc(&s->line, ' ');
		text_put(&s->line, l->key);
		end_line(s);
	}
}

static void
put_way(struct show *s, const struct way *w)
{
	buf_puts(&s->line, "      ");
	if (w->to == ROUTES_LOCAL) {
		buf_puts(&s->line, "local, to ");
		text_put(&s->line, w->addr);
		end_line(s);
		return;
	}
	buf_puts(&s->line, "remote, ");
	if (w->is_relay) {
		buf_puts(&s->line, "by ");
		text_put(&s->line, w->relay);
		buf_puts(&s->line, " port ");
		buf_putu(&s->line, w->port);
	} else {
		buf_puts(&s->line, "to the MX of ");
		text_put(&s->line, w->host);
	}
	if (w->is_override)
		buf_puts(&s->line, " (an override)");
	end_line(s);
}

static void
put_notify(struct show *s, const struct recipient *rcpt)
{
	static const struct {
		unsigned int bit;
		const char *word;
	} words[] = { { NOTIFY_NEVER, " never" },
		{ NOTIFY_SUCCESS, " success" }, { NOTIFY_FAILURE, " failure" },
		{ NOTIFY_DELAY, " delay" } };

	if (rcpt->notify != 0) {
		buf_puts(&s->line, "      notify");
		for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
			if ((rcpt->notify & words[i].bit) != 0)
				buf_puts(&s->line, words[i].word);
		end_line(s);
	}
	if (rcpt->orcpt.len > 0) {
		buf_puts(&s->line, "      orcpt ");
		text_put(&s->line, rcpt->orcpt);
		end_line(s);
	}
}

static void
put_recipients(struct show *s)
{
	struct span rest = s->m.env.rcpts, why;
	struct recipient rcpt;

	buf_puts(&s->line, "recipients");
	end_line(s);
	for (uint32_t i = 0; envelope_next(&rest, &rcpt); i++) {
		struct way w = reader_way(&s->reader, &s->m, rcpt.addr);
		bool is_done = note_is_done(&s->m.note, i);

		buf_puts(&s->line, is_done ? "  done    " : "  pending ");
		text_put(&s->line, rcpt.addr);
		end_line(s);
		put_way(s, &w);
		put_notify(s, &rcpt);
		if (!is_done && note_why(&s->m.note, i, &why)) {
			buf_puts(&s->line, "      last trouble: ");
			text_put(&s->line, why);
			end_line(s);
		}
	}
}

/* What the sender will be told, or has been. */
static void
put_failures(struct show *s)
{
	struct span rest = buf_span(&s->m.note.bounce), line;

	if (rest.len == 0)
		return;
	buf_puts(&s->line, "failures, for the bounce");
	end_line(s);
	while (span_line(&rest, &line)) {
		if (line.len == 0)
			continue;
		buf_puts(&s->line, "  ");
		text_put(&s->line, line);
		end_line(s);
	}
}

/* The bytes of the message, and nothing else. */
static void
put_raw(struct reader *r, uint64_t id)
{
	static char chunk[CHUNK];
	uint64_t size;
	size_t got = 0;
	int fd = -1;
	int code = store_message(r->store, id, &fd, &size);

	do {
		if (code == 0)
			code =
			    fd_read(fd, chunk, sizeof(chunk), FD_FOREVER, &got);
		if (code == 0)
			code = fd_write(
			    1, (struct span){ chunk, got }, FD_FOREVER);
	} while (code == 0 && got > 0);
	fd_close(&fd);
	if (code < 0)
		prog_die(EX_SOFT, "unable to copy the message", code);
}

/* What qmail-send says of it. The answer is for live to borrow from. */
static void
ask(struct show *s, uint64_t id, struct buf *answer)
{
	struct span line = SPAN(""), rest = SPAN("");
	struct call c;

	if (call_open(&c) && call_all(&c, "info", &id, 1, answer) == 0)
		rest = buf_span(answer);
	(void)span_field(&rest, &line);
	s->live = live_read(line);
	call_close(&c);
}

static void
load(struct show *s, uint64_t id)
{
	char number[NUMBER_MAX];
	int r = reader_load(&s->reader, id, &s->m);

	if (r == E_ABSENT)
		say_die(EX_HARD,
		    PARTS(say_number(id, number), ": no such message"), 0);
	if (r < 0)
		prog_die(EX_SOFT, "unable to show the message", r);
}

int
queue_show(void *words)
{
	struct show s = { .out = OUT_INIT(1, FD_FOREVER, OUT_LIMIT),
		.line = BUF_INIT(LINE_LIMIT) };
	struct buf answer = BUF_INIT(ANSWER_LIMIT);
	bool is_json = false, is_raw = false;
	const struct arg args[] = { { "--json", &is_json, NULL },
		{ "--raw", &is_raw, NULL }, { NULL, NULL, NULL } };
	size_t n = args_read("show", words, args, NULL);
	uint64_t id;
	int r;

	if (n != 1 || (is_raw && is_json) ||
	    num_parse(span_cstr(*(char **)words), UINT64_MAX, &id) < 0)
		prog_usage("qmailctl show ID [--json | --raw]");
	place_lower();
	reader_open(&s.reader);
	load(&s, id);
	if (is_raw) {
		put_raw(&s.reader, id);
	} else {
		ask(&s, id, &answer);
		if (is_json) {
			doc_write(&s.out, report_doc(&s.reader, &s.m, &s.live));
		} else {
			put_origin(&s);
			put_wishes(&s);
			put_state(&s);
			put_recipients(&s);
			put_failures(&s);
		}
	}
	r = out_flush(&s.out);
	message_free(&s.m);
	reader_close(&s.reader);
	buf_free(&answer);
	buf_free(&s.line);
	out_free(&s.out);
	return r < 0 ? EX_SOFT : 0;
}
