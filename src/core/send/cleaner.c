/*
 * cleaner - requests to qmail-clean, answered in order, never waited for
 */
#include <errno.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "send.h"
#include "sys/clock.h"
#include "sys/fd.h"

enum { RING_FIRST = 64, ANSWERS = 512, DRAIN_MS = 60 * 1000 };

static const char *const verbs[] = { "foop/", "todo/", "mess/", "sync/",
	"quar/" };

static int
remember(struct cleaner *c, uint64_t id, enum clean_what what)
{
	if (c->n == c->cap) {
		size_t cap = c->cap == 0 ? RING_FIRST : c->cap * 2;
		struct asked *v = mem_new(cap, sizeof(*v));

		if (v == NULL)
			return E_NOMEM;
		for (size_t i = 0; i < c->n; i++)
			v[i] = c->asked[(c->at + i) % c->cap];
		mem_free(c->asked);
		c->asked = v;
		c->cap = cap;
		c->at = 0;
	}
	c->asked[(c->at + c->n++) % c->cap] = (struct asked){ id, what };
	return 0;
}

void
cleaner_ask(
    struct send *s, enum clean_what what, uint64_t id, struct span reason)
{
	struct cleaner *c = &s->cleaner;

	if (!c->is_alive || remember(c, id, what) < 0)
		return; /* the next start finds it as it is now */
	buf_puts(&c->out, verbs[what]);
	buf_putu(&c->out, id);
	if (reason.len > 0) {
		buf_putc(&c->out, ' ');
		buf_put(&c->out, reason);
	}
	buf_putc(&c->out, '\0');
}

static void
lost(struct send *s)
{
	if (!s->cleaner.is_alive)
		return;
	s->cleaner.is_alive = false;
	slog(s, "alert: oh no! lost qmail-clean connection! dying...");
	send_stop(s, 111);
}

static void
flush(struct send *s)
{
	struct cleaner *c = &s->cleaner;

	if (!c->is_alive || c->out.len == 0)
		return;
	if (buf_err(&c->out) < 0) {
		lost(s);
		return;
	}
	while (c->out.len > 0) {
		ssize_t n = write(c->to, c->out.p, c->out.len);

		if (n >= 0)
			buf_drop(&c->out, (size_t)n);
		else if (errno == EAGAIN)
			return;
		else if (errno != EINTR) {
			lost(s);
			return;
		}
	}
}

void
cleaner_prepare(struct send *s)
{
	struct cleaner *c = &s->cleaner;

	flush(s);
	c->h_in = wait_in(&s->wait, c->is_alive ? c->from : -1);
	c->h_out =
	    wait_out(&s->wait, c->is_alive && c->out.len > 0 ? c->to : -1);
}

static void
complain(struct send *s, const struct asked *a)
{
	buf_puts(&s->log, "warning: qmail-clean unable to clean up ");
	slog_id(s, verbs[a->what], a->id, "");
}

/* It could not be removed: ask again later, never deliver it again. */
static void
later(struct send *s, uint32_t place)
{
	int64_t when = clock_real() + RETRY_S;

	err_ignore(messages_due(&s->messages, place, CHANNEL_LOCAL, when));
}

static void
answered(struct send *s, const struct asked *a, bool is_done)
{
	uint32_t place = messages_find(&s->messages, a->id);

	if (!is_done)
		complain(s, a);
	if (place == MESSAGE_NONE || a->what == CLEAN_NOTE ||
	    a->what == CLEAN_ASIDE)
		return;
	if (!is_done) {
		later(s, place);
		return;
	}
	if (a->what == CLEAN_TODO) {
		/* no envelope names the note any more */
		if (store_note_drop(s->store, a->id) < 0)
			slog_id(s, "warning: unable to unlink info/", a->id,
			    "; will try again later");
		cleaner_ask(s, CLEAN_MESS, a->id, SPAN(""));
		return;
	}
	messages_drop(&s->messages, place);
}

/* Read the answers there are. False at end of file. */
static bool
take_answers(struct send *s, int64_t deadline)
{
	struct cleaner *c = &s->cleaner;
	char answers[ANSWERS];
	size_t got = 0;

	if (fd_read(c->from, answers, sizeof(answers), deadline, &got) < 0 ||
	    got == 0)
		return false;
	for (size_t i = 0; i < got && c->n > 0; i++) {
		struct asked a = c->asked[c->at];

		c->at = (c->at + 1) % c->cap;
		c->n--;
		answered(s, &a, answers[i] == '+');
	}
	return true;
}

void
cleaner_ready(struct send *s)
{
	struct cleaner *c = &s->cleaner;

	if (c->is_alive && wait_ready(&s->wait, c->h_in) &&
	    !take_answers(s, FD_FOREVER))
		lost(s);
	flush(s);
}

void
cleaner_drain(struct send *s)
{
	struct cleaner *c = &s->cleaner;
	int64_t deadline = clock_ms() + DRAIN_MS;

	while (c->is_alive && c->n > 0) {
		flush(s);
		if (!take_answers(s, deadline))
			break;
	}
}
