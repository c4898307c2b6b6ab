/*
 * hops - how often a message has been received already: see hops.h
 */
#include "hops.h"

/* More of the current line. */
static void
add(struct hops *h, struct span s)
{
	if (h->len < HOPS_WORD) {
		size_t room = HOPS_WORD - h->len;

		memcpy(h->head + h->len, s.p, s.len < room ? s.len : room);
	}
	h->len += s.len;
}

/* The line is complete. */
static void
judge(struct hops *h)
{
	struct span head = { h->head, h->len < HOPS_WORD ? h->len : HOPS_WORD };

	if (span_eq(head, SPAN("\r")) || head.len == 0)
		h->is_over = true;
	else if (span_starts_nocase(head, SPAN("received")) ||
		 span_starts_nocase(head, SPAN("delivered")))
		h->n++;
	h->len = 0;
}

void
hops_eat(struct hops *h, struct span wire)
{
	while (wire.len > 0 && !h->is_over) {
		size_t lf = span_find(wire, '\n');

		add(h, span_head(wire, lf));
		if (lf == wire.len)
			return;
		wire = span_tail(wire, lf + 1);
		judge(h);
	}
}
