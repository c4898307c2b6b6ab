/*
 * answer - MX records of an answer from the DNS: see answer.h
 */
#include "answer.h"

#include <arpa/nameser.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

enum { NAME_MAX_LEN = 253, LABEL_MAX = 63, MX_HEAD = 2 };

/* One MX record of the answer. E_SYNTAX. */
static int
read_mx(ns_msg *msg, const ns_rr *rr, struct mx *out)
{
	if (ns_rr_rdlen(*rr) <= MX_HEAD)
		return E_SYNTAX;
	out->preference = (uint16_t)ns_get16(ns_rr_rdata(*rr));
	out->lot = 0;
	if (ns_name_uncompress(ns_msg_base(*msg), ns_msg_end(*msg),
		ns_rr_rdata(*rr) + MX_HEAD, out->name, sizeof(out->name)) < 0)
		return E_SYNTAX;
	return 0;
}

static bool
is_root(const struct mx *mx)
{
	return mx->name[0] == '\0' || strcmp(mx->name, ".") == 0;
}

int
answer_mx(const unsigned char *packet, size_t len, struct mx_set *out)
{
	ns_msg msg;
	int i, count;

	out->n = 0;
	out->is_null = false;
	if (len > NS_MAXMSG || ns_initparse(packet, (int)len, &msg) < 0)
		return E_SYNTAX;
	count = ns_msg_count(msg, ns_s_an);
	for (i = 0; i < count && out->n < LIMIT_MX; i++) {
		struct mx *mx = &out->mx[out->n];
		ns_rr rr;

		if (ns_parserr(&msg, ns_s_an, i, &rr) < 0)
			return E_SYNTAX;
		if (ns_rr_type(rr) != ns_t_mx || ns_rr_class(rr) != ns_c_in)
			continue;
		if (read_mx(&msg, &rr, mx) < 0)
			return E_SYNTAX;
		if (is_root(mx))
			out->is_null = true;
		else
			out->n++;
	}
	/* "." beside real names is a mistake, not a refusal */
	if (out->n > 0)
		out->is_null = false;
	return out->n > 0 || out->is_null ? 0 : E_ABSENT;
}

static int
compare(const void *left, const void *right)
{
	const struct mx *a = left;
	const struct mx *b = right;

	if (a->preference != b->preference)
		return a->preference < b->preference ? -1 : 1;
	if (a->lot != b->lot)
		return a->lot < b->lot ? -1 : 1;
	return 0;
}

void
answer_sort(struct mx_set *set)
{
	qsort(set->mx, set->n, sizeof(set->mx[0]), compare);
}

bool
answer_is_name(const char *text)
{
	size_t label = 0, i;

	for (i = 0; text[i] != '\0'; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c <= ' ' || c == 127 || c == '\\')
			return false;
		if (c == '.' && label == 0)
			return false;
		label = c == '.' ? 0 : label + 1;
		if (label > LABEL_MAX)
			return false;
	}
	return i > 0 && i <= NAME_MAX_LEN + (text[i - 1] == '.');
}
