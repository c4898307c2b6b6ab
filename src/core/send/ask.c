/*
 * ask - one line of the control socket: see ask.h
 */
#include "ask.h"

#include "base/err.h"
#include "base/num.h"

enum form { FORM_NONE, FORM_ID, FORM_MAYBE_ID, FORM_DEST };

static const struct {
	const char *word;
	enum form form;
	bool is_harmless;
} verbs[ASK_VERBS] = {
	[ASK_STATUS] = { "status", FORM_NONE, true },
	[ASK_RELOAD] = { "reload", FORM_NONE, false },
	[ASK_FLUSH] = { "flush", FORM_MAYBE_ID, false },
	[ASK_HOLD] = { "hold", FORM_ID, false },
	[ASK_RELEASE] = { "release", FORM_ID, false },
	[ASK_DELETE] = { "delete", FORM_ID, false },
	[ASK_BOUNCE] = { "bounce", FORM_ID, false },
	[ASK_INFO] = { "info", FORM_ID, true },
	[ASK_DESTS] = { "dests", FORM_NONE, true },
	[ASK_DEST] = { "dest", FORM_DEST, true },
	[ASK_ROUTES] = { "routes", FORM_NONE, false },
};

/* Words are separated by one blank each; the key is all that is left. */
static int
parse_dest(struct span rest, struct ask *out)
{
	size_t blank = span_find(rest, ' ');
	struct span channel = span_head(rest, blank);

	if (blank == rest.len)
		return E_SYNTAX;
	out->key = span_tail(rest, blank + 1);
	out->channel = CHANNEL_LOCAL;
	if (span_eq(channel, SPAN("remote")))
		out->channel = CHANNEL_REMOTE;
	else if (!span_eq(channel, SPAN("local")))
		return E_SYNTAX;
	return 0;
}

static int
parse_rest(enum form form, bool has_rest, struct span rest, struct ask *out)
{
	if (form == FORM_NONE || (form == FORM_MAYBE_ID && !has_rest))
		return has_rest ? E_SYNTAX : 0;
	if (form == FORM_DEST)
		return parse_dest(rest, out);
	out->has_id = true;
	return num_parse(rest, UINT64_MAX, &out->id) < 0 ? E_SYNTAX : 0;
}

int
ask_parse(struct span line, struct ask *out)
{
	size_t blank = span_find(line, ' ');
	struct span word = span_head(line, blank);

	*out = (struct ask){ .key = SPAN("") };
	for (enum ask_verb v = ASK_STATUS; v < ASK_VERBS; v++) {
		if (!span_eq(word, span_cstr(verbs[v].word)))
			continue;
		out->verb = v;
		return parse_rest(verbs[v].form, blank < line.len,
		    span_tail(line, blank + 1), out);
	}
	return E_SYNTAX;
}

bool
ask_is_harmless(const struct ask *k)
{
	return verbs[k->verb].is_harmless;
}
