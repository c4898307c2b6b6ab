/*
 * check - the verb check-queue: see check.h
 */
#include "check.h"

#include "args.h"
#include "base/err.h"
#include "doc.h"
#include "place.h"
#include "queue/check.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/io.h"
#include "sys/prog.h"
#include "text.h"

enum {
	OUT_LIMIT = 1024 * 1024,
	LINE_LIMIT = 64 * 1024,
	CLEAN_MS = 60 * 1000 /* for a qmail-clean that is about to end */
};

struct verb {
	struct store *store;
	bool is_json, must_repair;
	struct out out;
	struct doc_list docs;
	uint64_t found; /* what is wrong */
	uint64_t left;  /* and still is */
	int failure;    /* of a repair */
};

/* What is to be done, or has been. */
static const char *
remedy(const struct check_finding *f, bool is_repaired)
{
	if (is_repaired)
		return "moved to queue/quarantine";
	switch (f->remedy) {
	case CHECK_NOTE:
		return "nothing to do";
	case CHECK_ADJUST:
		return "set it right by hand; qmailctl init does folders";
	case CHECK_QUARANTINE:
		break;
	}
	return "qmailctl check-queue --repair sets it aside";
}

static void
put_line(struct verb *v, const struct check_finding *f, const char *what)
{
	struct buf line = BUF_INIT(LINE_LIMIT);

	if (f->remedy == CHECK_NOTE)
		buf_puts(&line, "note: ");
	text_put(&line, span_cstr(f->path));
	buf_puts(&line, ": ");
	text_put(&line, span_cstr(f->problem));
	if (f->remedy != CHECK_NOTE) {
		buf_puts(&line, "; ");
		buf_puts(&line, what);
	}
	buf_putc(&line, '\n');
	if (buf_err(&line) == 0)
		out_put(&v->out, buf_span(&line));
	buf_free(&line);
}

static json_t *
finding_doc(const struct check_finding *f, const char *what, bool is_repaired)
{
	json_t *doc = doc_object();

	doc_text(doc, "path", span_cstr(f->path));
	doc_text(doc, "problem", span_cstr(f->problem));
	doc_bool(doc, "note", f->remedy == CHECK_NOTE);
	doc_text(doc, "remedy", span_cstr(what));
	doc_bool(doc, "repaired", is_repaired);
	return doc;
}

static void
take_finding(void *ctx, const struct check_finding *f)
{
	struct verb *v = ctx;
	bool is_repaired = false;
	const char *what;

	if (v->must_repair && f->remedy == CHECK_QUARANTINE) {
		int r = check_repair(v->store, f);

		is_repaired = r == 0;
		if (r < 0 && v->failure == 0)
			v->failure = r;
	}
	what = remedy(f, is_repaired);
	if (f->remedy != CHECK_NOTE) {
		v->found++;
		v->left += is_repaired ? 0 : 1;
	}
	if (v->is_json)
		doc_list_put(&v->docs, finding_doc(f, what, is_repaired));
	else
		put_line(v, f, what);
}

/* Nobody else may be at work on what is in the queue. */
static void
take_locks(struct verb *v)
{
	int r = store_mutex(v->store);

	if (r == E_BUSY)
		prog_die(EX_SOFT,
		    "qmail-send is running; stop it first: qmailctl stop", 0);
	if (r == 0)
		r = store_clean_lock(v->store, clock_ms() + CLEAN_MS);
	if (r < 0)
		prog_die(EX_SOFT, "unable to lock the queue", r);
}

static void
put_sum(struct verb *v)
{
	struct buf line = BUF_INIT(LINE_LIMIT);

	if (v->found == 0) {
		buf_puts(&line, "the queue is as it should be\n");
	} else {
		buf_puts(&line, "found wrong: ");
		buf_putu(&line, v->found);
		buf_puts(&line, ", still to be seen to: ");
		buf_putu(&line, v->left);
		buf_putc(&line, '\n');
	}
	if (buf_err(&line) == 0)
		out_put(&v->out, buf_span(&line));
	buf_free(&line);
}

static int
check(struct verb *v)
{
	int r;

	if (v->is_json)
		doc_list_begin(&v->docs, &v->out);
	r = check_queue(v->store, take_finding, v);
	if (v->is_json)
		doc_list_end(&v->docs);
	else if (r == 0)
		put_sum(v);
	if (out_flush(&v->out) < 0)
		return EX_SOFT;
	if (r < 0)
		prog_die(EX_SOFT, "unable to check the queue", r);
	if (v->failure < 0)
		prog_die(EX_SOFT, "unable to set aside", v->failure);
	return v->left > 0 ? EX_HARD : 0;
}

int
check_verb(void *words)
{
	struct verb v = { .out = OUT_INIT(1, FD_FOREVER, OUT_LIMIT) };
	const struct arg args[] = { { "--json", &v.is_json, NULL },
		{ "--repair", &v.must_repair, NULL }, { NULL, NULL, NULL } };
	int code, r;

	if (args_read("check-queue", words, args, NULL) > 0)
		prog_usage("qmailctl check-queue [--repair] [--json]");
	/* moving takes the rights of three accounts */
	if (!v.must_repair)
		place_lower();
	r = store_open(&v.store);
	if (r < 0)
		prog_die(EX_SOFT, "unable to open the queue", r);
	if (v.must_repair)
		take_locks(&v);
	code = check(&v);
	store_close(&v.store);
	out_free(&v.out);
	return code;
}
