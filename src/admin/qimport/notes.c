/*
 * notes - the pending bounce of a message: see notes.h
 */
#include "notes.h"

#include <stdlib.h>

#include "base/err.h"
#include "helper.h"
#include "queue/store.h"
#include "sys/fd.h"
#include "sys/priv.h"
#include "sys/prog.h"

struct question {
	uint64_t id;
	uint64_t nrcpt;
};

static int
write_note(struct store *s, const struct question *q, int bounce)
{
	struct note n;
	int r;

	note_init(&n, q->id, (uint32_t)q->nrcpt);
	r = fd_read_all(bounce, &n.bounce);
	for (size_t i = 0; r == 0 && i < n.bounce.len; i++)
		if (n.bounce.p[i] == '\0')
			n.bounce.p[i] = '?';
	/* no text, but a bounce all the same */
	if (n.bounce.len == 0)
		buf_putc(&n.bounce, '\n');
	if (r == 0)
		r = buf_err(&n.bounce);
	if (r == 0)
		r = buf_err(&n.done);
	if (r == 0)
		r = store_note_write(s, &n);
	/* a qmail-send that starts clears away what is being written */
	if (r == E_ABSENT)
		r = store_note_write(s, &n);
	if (r == 0)
		r = store_note_sync(s, q->id);
	note_free(&n);
	return r;
}

static int
answer(void *ctx, struct span text, int *fd)
{
	struct store *s = ctx;
	struct question q;
	int r = E_SYNTAX;

	if (text.len == sizeof(q)) {
		memcpy(&q, text.p, sizeof(q));
		r = *fd < 0 ? store_note_drop(s, q.id) : write_note(s, &q, *fd);
	}
	fd_close(fd);
	return r;
}

/* In the helper. */
static void NORETURN
serve(const struct notes *n, uid_t uid, gid_t gid, int drop)
{
	struct store *s = NULL;
	int r = priv_is_root() ? priv_drop(uid, gid) : 0;

	fd_close(&drop);
	if (r == 0)
		r = store_open(&s);
	if (r < 0)
		prog_die(EX_SOFT, "unable to write notes", r);
	helper_serve(n->helper, answer, s);
}

int
notes_start(struct notes *n, uid_t uid, gid_t gid, int drop)
{
	bool is_child = false;
	int r;

	n->helper = -1;
	r = helper_fork(&n->helper, &is_child);
	if (r == 0 && is_child)
		serve(n, uid, gid, drop);
	return r;
}

void
notes_close(struct notes *n)
{
	fd_close(&n->helper);
}

int
notes_set(struct notes *n, uint64_t id, uint32_t nrcpt, int bounce)
{
	struct question q = { .id = id, .nrcpt = nrcpt };
	int none;

	return helper_ask(n->helper,
	    (struct span){ (const char *)&q, sizeof(q) }, bounce, &none);
}
