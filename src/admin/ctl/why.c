/*
 * why - where a message to an address would go: see why.h
 */
#include "why.h"

#include <sys/stat.h>
#include <unistd.h>

#include "args.h"
#include "base/err.h"
#include "base/mem.h"
#include "conf/control.h"
#include "say.h"
#include "start.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/priv.h"
#include "sys/prog.h"
#include "text.h"
#include "why-private.h"

enum { OUT_LIMIT = 1024 * 1024, ADDRESS_MAX = 64 * 1024, INDENT = 4 };

/* --- what is said --- */

static void
indent(const struct why *w, struct buf *line, unsigned int more)
{
	for (unsigned int i = 0; i < w->at->depth * INDENT + more; i++)
		buf_putc(line, ' ');
}

static void
put_text(struct buf *b, const struct span text[])
{
	for (; text->p != NULL; text++)
		buf_put(b, *text);
}

/* A line of people's, of which no byte may command their terminal. */
static void
put_line(struct why *w, struct buf *line)
{
	struct buf safe = BUF_INIT(2 * WHY_TEXT_MAX);

	if (buf_err(line) == 0)
		text_put(&safe, buf_span(line));
	buf_putc(&safe, '\n');
	if (buf_err(&safe) == 0)
		out_put(&w->out, buf_span(&safe));
	buf_free(&safe);
	buf_free(line);
}

static void
doc_words(json_t *doc, const struct span text[])
{
	struct buf b = BUF_INIT(WHY_TEXT_MAX);

	put_text(&b, text);
	doc_text(doc, "text", buf_err(&b) == 0 ? buf_span(&b) : SPAN(""));
	buf_free(&b);
}

json_t *
why_step(struct why *w, const char *step, const char *file, size_t line,
    const struct span text[])
{
	struct buf b = BUF_INIT(WHY_TEXT_MAX);

	if (w->is_json) {
		json_t *doc = doc_object();

		doc_text(doc, "step", span_cstr(step));
		if (file != NULL)
			doc_text(doc, "file", span_cstr(file));
		if (line > 0)
			doc_number(doc, "line", line);
		doc_words(doc, text);
		doc_append(w->steps, doc);
		return doc;
	}
	indent(w, &b, 2);
	if (file != NULL)
		buf_puts(&b, file);
	if (file != NULL && line > 0) {
		buf_putc(&b, ':');
		buf_putu(&b, line);
	}
	buf_puts(&b, file != NULL ? ": " : "");
	put_text(&b, text);
	put_line(w, &b);
	return NULL;
}

void
why_end(struct why *w, const char *outcome, const struct span text[])
{
	struct buf b = BUF_INIT(WHY_TEXT_MAX);

	if (w->is_json) {
		doc_text(w->doc, "outcome", span_cstr(outcome));
		doc_words(w->doc, text);
		return;
	}
	indent(w, &b, 2);
	buf_puts(&b, "=> ");
	put_text(&b, text);
	put_line(w, &b);
}

static void
begin(struct why *w)
{
	struct why_node *n = w->at;
	struct buf b = BUF_INIT(WHY_TEXT_MAX);

	if (w->is_json) {
		w->doc = doc_object();
		w->steps = doc_array();
		doc_text(w->doc, "address", buf_span(&n->address));
		doc_number(w->doc, "depth", n->depth);
		if (n->via != NULL)
			doc_text(w->doc, "via", buf_span(&n->via->address));
		else
			doc_null(w->doc, "via");
		return;
	}
	indent(w, &b, 0);
	buf_put(&b, buf_span(&n->address));
	put_line(w, &b);
}

static void
finish(struct why *w)
{
	struct buf *final = &w->at->final;

	if (!w->is_json)
		return;
	if (buf_err(final) == 0 && final->len > 0)
		doc_text(w->doc, "final", buf_span(final));
	doc_put(w->doc, "steps", w->steps);
	doc_list_put(&w->docs, w->doc);
}

/* --- which addresses --- */

static void NORETURN
die_memory(void)
{
	prog_die(EX_SOFT, "unable to go on", E_NOMEM);
}

static struct why_node *
new_node(struct why *w, struct span address)
{
	struct why_node *n = mem_new(1, sizeof(*n));

	if (n == NULL)
		die_memory();
	n->address = BUF_INIT(ADDRESS_MAX);
	n->final = BUF_INIT(2 * ADDRESS_MAX);
	n->via = w->at;
	n->depth = w->at != NULL ? w->at->depth + 1 : 0;
	buf_put(&n->address, span_head(address, ADDRESS_MAX));
	if (buf_err(&n->address) < 0)
		die_memory();
	w->nodes++;
	return n;
}

void
why_follow(struct why *w, struct span address)
{
	struct why_node *n;

	if (w->nodes >= WHY_NODES_MAX)
		return;
	/* right behind the one that forwards, in the order of its lines */
	n = new_node(w, address);
	if (w->next != NULL)
		TAILQ_INSERT_BEFORE(w->next, n, link);
	else
		TAILQ_INSERT_TAIL(&w->todo, n, link);
}

/* Whether mail for a final address has come by here on its way. */
static bool
is_on_the_way(const struct why *w)
{
	const struct why_node *n = w->at->via;

	for (; n != NULL; n = n->via)
		if (span_eq_nocase(
			buf_span(&n->final), buf_span(&w->at->final)))
			return true;
	return false;
}

static bool
is_known(const struct why *w)
{
	const struct why_node *n;

	TAILQ_FOREACH(n, &w->done, link)
	if (span_eq_nocase(buf_span(&n->final), buf_span(&w->at->final)))
		return true;
	return false;
}

static void
explain_local(struct why *w)
{
	struct span final = buf_span(&w->at->final);
	size_t at = span_rfind(final, '@');
	struct span local = span_head(final, at);
	struct buf text = BUF_INIT(WHY_TEXT_MAX);
	struct account a;

	if (local.len == 0)
		why_end(w, "bounced",
		    WHY(SPAN("bounced: Sorry, no mailbox here by that name. "
			     "(#5.1.1)")));
	else if (why_owner(w, local, &text, &a))
		why_local(w, local, span_tail(final, at + 1), &a);
	buf_free(&text);
}

static void
explain(struct why *w)
{
	enum routes_to to = why_route(w, &w->at->final);

	if (buf_err(&w->at->final) < 0)
		die_memory();
	if (is_on_the_way(w))
		why_end(w, "loop",
		    WHY(SPAN("bounced: this is a loop; it has been delivered "
			     "to this address before")));
	else if (is_known(w))
		why_end(w, "known", WHY(SPAN("as above")));
	else if (w->at->depth > WHY_DEPTH_MAX)
		why_end(w, "unknown", WHY(SPAN("not followed any further")));
	else if (to == ROUTES_REMOTE)
		why_remote(w, buf_span(&w->at->final));
	else
		explain_local(w);
}

/* --- the verb --- */

static void
open_all(struct why *w)
{
	struct stat st;
	int r = routes_new(&w->routes);

	if (r == 0)
		r = control_table("smtproutes", &w->smtproutes);
	if (r < 0 && (w->routes == NULL || r != E_ABSENT))
		prog_die(EX_SOFT, "unable to read controls", r);
	if (stat(".", &st) < 0)
		prog_die(EX_SOFT, "unable to look at the home", err_sys());
	w->is_system = st.st_uid == 0;
	w->owner = st.st_uid;
}

static void
free_nodes(struct why_nodes *list)
{
	struct why_node *n;

	while ((n = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, n, link);
		buf_free(&n->address);
		buf_free(&n->final);
		mem_free(n);
	}
}

static int
run(struct why *w, struct span address)
{
	struct why_node *first = new_node(w, address);
	int r;

	TAILQ_INSERT_TAIL(&w->todo, first, link);
	if (w->is_json)
		doc_list_begin(&w->docs, &w->out);
	while ((w->at = TAILQ_FIRST(&w->todo)) != NULL) {
		TAILQ_REMOVE(&w->todo, w->at, link);
		w->next = TAILQ_FIRST(&w->todo);
		begin(w);
		explain(w);
		finish(w);
		TAILQ_INSERT_TAIL(&w->done, w->at, link);
	}
	if (w->is_json)
		doc_list_end(&w->docs);
	else if (w->nodes >= WHY_NODES_MAX)
		out_puts(&w->out, "there are more than are shown\n");
	r = out_flush(&w->out);
	return r < 0 ? EX_SOFT : 0;
}

int
why_verb(void *words)
{
	struct why w = { .out = OUT_INIT(1, FD_FOREVER, OUT_LIMIT),
		.default_delivery = BUF_INIT(CONTROL_MAX),
		.now = clock_real() };
	const struct arg args[] = { { "--json", &w.is_json, NULL },
		{ NULL, NULL, NULL } };
	char **operands = words;
	int code;

	if (args_read("why", operands, args, NULL) != 1)
		prog_usage("qmailctl why ADDRESS [--json]");
	TAILQ_INIT(&w.todo);
	TAILQ_INIT(&w.done);
	/* users can look into what runs as them */
	if (priv_is_root())
		start_clean_environment();
	open_all(&w);
	code = run(&w, span_cstr(operands[0]));
	free_nodes(&w.done);
	routes_destroy(&w.routes);
	map_destroy(&w.smtproutes);
	buf_free(&w.default_delivery);
	out_free(&w.out);
	return code;
}
