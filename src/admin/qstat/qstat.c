/*
 * qmail-qstat - count the messages in the queue
 *
 * Run by:   the operator, monitoring
 * Runs as:  root or a member of the group qmail, who may read the queue
 * Input:    the names in the queue; no file is opened
 * Trusts:   the queue
 * Output:   two lines on descriptor 1; trouble on descriptor 2
 * Exits:    0, also when the queue could not be read, as it always was;
 *           111 when the lines could not be written
 */
#include "base/err.h"
#include "queue/store.h"
#include "sys/fd.h"
#include "sys/home.h"
#include "sys/log.h"
#include "sys/prog.h"

struct count {
	uint64_t all, fresh; /* fresh: nothing has been noted about it */
};

static bool
count_message(void *ctx, uint64_t id, bool has_note)
{
	struct count *c = ctx;

	(void)id;
	c->all++;
	if (!has_note)
		c->fresh++;
	return true;
}

static int
count_all(struct count *c)
{
	struct store *s = NULL;
	int r = home_enter();

	if (r == 0)
		r = store_open(&s);
	if (r == 0)
		r = store_each(s, count_message, c);
	store_close(&s);
	return r;
}

int
main(void)
{
	struct count c = { 0, 0 };
	struct buf b = BUF_INIT(256);
	int r;

	prog_start("qmail-qstat");
	r = count_all(&c);
	if (r < 0)
		log_err("unable to read the queue", r);
	buf_puts(&b, "messages in queue: ");
	buf_putu(&b, c.all);
	buf_puts(&b, "\nmessages in queue but not yet preprocessed: ");
	buf_putu(&b, c.fresh);
	buf_putc(&b, '\n');
	r = buf_err(&b);
	if (r == 0)
		r = fd_write(1, buf_span(&b), FD_FOREVER);
	buf_free(&b);
	return r < 0 ? EX_SOFT : 0;
}
