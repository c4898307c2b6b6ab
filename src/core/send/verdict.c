/*
 * verdict - deliveries begin, and what became of them: see send.h
 */
#include "base/err.h"
#include "send.h"
#include "sys/log.h"
#include "text.h"

enum {
	BOUNCE_FULL = 16 * 1024 * 1024, /* then reports are left out */
	BOUNCE_OVER = 48 * 1024 * 1024, /* then addresses as well */
	PARAGRAPH_MAX = 256 * 1024
};

static const char *const channel_words[CHANNELS] = {
	[CHANNEL_LOCAL] = "local",
	[CHANNEL_REMOTE] = "remote",
};

const char *
verdict_channel(enum channel c)
{
	return channel_words[c];
}

static void
put_load(struct buf *b, const struct spawner *c)
{
	buf_putu(b, c->running);
	buf_putc(b, '/');
	buf_putu(b, c->limit);
}

void
verdict_status(struct send *s)
{
	struct buf *b = journal_begin(&s->journal);

	buf_puts(b, "status: local ");
	put_load(b, &s->spawners[CHANNEL_LOCAL]);
	buf_puts(b, " remote ");
	put_load(b, &s->spawners[CHANNEL_REMOTE]);
	if (s->is_stopping)
		buf_puts(b, " exitasap");
	journal_end(&s->journal);
}

void
verdict_start(struct send *s, const struct active *a, enum channel c,
    uint64_t delivery, uint32_t index)
{
	struct buf *b = journal_begin(&s->journal);

	buf_puts(b, "starting delivery ");
	buf_putu(b, delivery);
	buf_puts(b, ": msg ");
	buf_putu(b, a->id);
	buf_puts(b, " to ");
	buf_puts(b, verdict_channel(c));
	buf_putc(b, ' ');
	log_safe(b, active_addr(a, index));
	journal_end(&s->journal);
	verdict_status(s);
}

static void
log_verdict(
    struct send *s, uint64_t delivery, const char *word, struct span text)
{
	struct buf *b = journal_begin(&s->journal);

	buf_puts(b, "delivery ");
	buf_putu(b, delivery);
	buf_puts(b, word);
	log_safe(b, text);
	journal_end(&s->journal);
}

bool
verdict_failed(
    struct send *s, struct active *a, uint32_t index, struct span text)
{
	const struct span more = SPAN("<...>:\nThere were more recipients than "
				      "can be listed. (#5.5.3)\n\n");
	struct buf *bounce = &a->note.bounce;
	unsigned int notify = a->rcpts[index].notify;
	size_t was = bounce->len;

	if (notify != 0 && (notify & NOTIFY_FAILURE) == 0)
		return true;
	if (was > BOUNCE_FULL)
		text = SPAN("");
	/* a note has its bound: one it cannot keep would never be written */
	if (was <= BOUNCE_OVER)
		text_paragraph(bounce,
		    routes_strip(s->controls.routes, active_addr(a, index)),
		    text);
	else if (!span_ends(buf_span(bounce), more))
		buf_put(bounce, more);
	if (buf_err(bounce) == 0)
		return true;
	buf_undo(bounce, was);
	return false;
}

/* The last attempt did not succeed: the text of the failure. */
static struct span
give_up(struct buf *b, struct span text)
{
	buf_put(b, text);
	if (text.len > 0 && text.p[text.len - 1] != '\n')
		buf_putc(b, '\n');
	buf_puts(b, "I'm not going to try again; this message has been in the "
		    "queue too long.\n");
	return buf_err(b) == 0 ? buf_span(b) : text;
}

void
verdict_judge(struct send *s, struct active *a, const struct pass *p,
    uint32_t index, uint64_t delivery, const struct verdict *v)
{
	struct buf scratch = BUF_INIT(PARAGRAPH_MAX);
	struct span text = SPAN("");
	char letter = '?';

	if (v != NULL) {
		text = span_head(v->text, VERDICT_TEXT_MAX);
		letter = v->letter;
	}
	if (letter == 'Z' && p->is_last) {
		text = give_up(&scratch, text);
		letter = 'D';
	}
	if (letter == 'D' && !verdict_failed(s, a, index, text)) {
		text = SPAN("qmail-send is out of memory\n");
		letter = 'Z';
	}
	switch (letter) {
	case 'K':
		log_verdict(s, delivery, ": success: ", text);
		note_set_why(&a->note, index, SPAN(""));
		active_done(a, index);
		break;
	case 'D':
		log_verdict(s, delivery, ": failure: ", text);
		note_set_why(&a->note, index, SPAN(""));
		active_done(a, index);
		break;
	case 'Z':
		log_verdict(s, delivery, ": deferral: ", text);
		note_set_why(&a->note, index, text);
		break;
	default:
		log_verdict(
		    s, delivery, ": report mangled, will defer", SPAN(""));
		break;
	}
	buf_free(&scratch);
}
