/*
 * users - whose is a recipient? users/cdb says, else qmail-getpw
 *
 * qmail-getpw may take its time, as the accounts may be on another machine:
 * it is one process, asked over pipes, and nobody else waits for it.
 */
#include <signal.h>
#include <unistd.h>

#include "base/err.h"
#include "conf/assign.h"
#include "lsched.h"
#include "queue/wire.h"
#include "report.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/log.h"

/* Only root can become somebody else. */
static void
refuse_uid(struct lsched *s, struct task *t, uid_t uid)
{
	struct buf words = BUF_INIT(256);
	const char *text;

	buf_puts(&words, "qmail-lspawn is not root and cannot deliver as uid ");
	buf_putu(&words, uid);
	buf_puts(&words, ".\n");
	if (buf_cstr(&words, &text) < 0)
		text = "";
	task_end(s, t, 'Z', text);
	buf_free(&words);
}

/* The owner is known: compose what its worker is told. */
static void
found(struct lsched *s, struct task *t, const struct account *a)
{
	size_t begun;

	if (a->uid == 0 || (s->is_any && a->gid == 0)) {
		task_report(s, t, LOCAL_ROOT, SPAN(""));
		return;
	}
	if (!s->is_any && a->uid != s->uid) {
		refuse_uid(s, t, a->uid);
		return;
	}
	/* a private system's one user has one group, whatever is assigned */
	t->id = (struct proc_id){ .uid = a->uid,
		.gid = s->is_any ? a->gid : getgid() };
	begun = wire_begin(&t->bytes, WIRE_WORK);
	wire_put_bytes(&t->bytes, a->user);
	wire_put_bytes(&t->bytes, a->home);
	wire_put_bytes(&t->bytes, t->local);
	wire_put_bytes(&t->bytes, a->dash);
	wire_put_bytes(&t->bytes, a->ext);
	wire_put_bytes(&t->bytes, t->domain);
	wire_put_bytes(&t->bytes, t->order->sender);
	wire_put_bytes(&t->bytes, s->fallback);
	wire_end(&t->bytes, begun);
	if (buf_err(&t->bytes) < 0)
		task_report(s, t, LOCAL_NOMEM, SPAN(""));
	else
		pool_add(s, t);
}

/* --- users/cdb --- */

/* Have the current users/cdb open, or none if there is none. */
static int
refresh(struct lsched *s)
{
	struct file_stamp now;
	int r = file_stamp(FILE_CWD, "users/cdb", &now);

	if (r < 0 || file_stamp_eq(&now, &s->stamp))
		return r;
	cdbfile_close(&s->cdb);
	/* until it is open, no stamp is like this one: so we try again */
	s->stamp = (struct file_stamp){ .size = UINT64_MAX };
	r = cdbfile_open("users/cdb", &s->cdb);
	if (r == 0 || r == E_ABSENT)
		s->stamp = now;
	return r == E_ABSENT ? 0 : r;
}

/* Whether the recipient was dealt with. */
static bool
find_assigned(struct lsched *s, struct task *t)
{
	struct account a;
	int r = refresh(s);

	if (r == 0 && s->cdb == NULL)
		return false;
	if (r == 0)
		r = assign_find(s->cdb, t->local, &s->ext, &a);
	if (r == E_ABSENT)
		return false;
	if (r == 0)
		found(s, t, &a);
	else if (r == E_NOMEM)
		task_report(s, t, LOCAL_NOMEM, SPAN(""));
	else
		task_report(
		    s, t, r == E_SYNTAX ? LOCAL_BUG : LOCAL_CDB, SPAN(""));
	return true;
}

/* --- what qmail-getpw said a moment ago --- */

/* The cache ignores case, as accounts do; the extension, which does not, is
 * the end of what is asked for. */
static bool
find_cached(struct lsched *s, struct task *t)
{
	struct account a;
	struct span record;

	if (s->cache != NULL && (clock_ms() - s->cached_at >= CACHE_MS ||
				    map_size(s->cache) >= CACHE_MAX))
		map_destroy(&s->cache);
	if (s->cache == NULL || !map_get(s->cache, t->local, &record) ||
	    account_parse(record, &a) < 0 || a.ext.len > t->local.len)
		return false;
	a.ext = span_tail(t->local, t->local.len - a.ext.len);
	found(s, t, &a);
	return true;
}

/* All of a cache is as old as its first entry. */
static void
remember(struct lsched *s, struct span local, struct span record)
{
	if (s->cache == NULL) {
		s->cache = map_new();
		s->cached_at = clock_ms();
	}
	/* without memory we ask again */
	if (s->cache != NULL)
		err_ignore(map_put(s->cache, local, record));
}

/* --- asking qmail-getpw --- */

static int
start_getpw(struct lsched *s)
{
	static const char *const argv[] = { "bin/qmail-getpw", "--resident",
		NULL };
	int questions[2] = { -1, -1 }, answers[2] = { -1, -1 };
	int r = fd_pipe(questions);

	if (r == 0)
		r = fd_pipe(answers);
	if (r == 0) {
		const struct proc_fd fds[] = { { questions[0], 0 },
			{ answers[1], 1 }, { -1, -1 } };
		/* the same account, without the right to read messages */
		const struct proc_id id = { .uid = getuid(), .gid = getgid() };
		const struct proc_start what = {
			.argv = argv, .fds = fds, .as = &id
		};

		r = proc_spawn(&what, &s->getpw);
	}
	fd_close(&questions[0]);
	fd_close(&answers[1]);
	s->ask_fd = questions[1];
	s->answer_fd = answers[0];
	s->has_answered = false;
	if (r < 0) {
		fd_close(&s->ask_fd);
		fd_close(&s->answer_fd);
	}
	return r;
}

/* Have done with this qmail-getpw. What it was asked will be asked again. */
static void
stop_getpw(struct lsched *s)
{
	struct task *t;

	while ((t = TAILQ_LAST(&s->asked, tasks)) != NULL) {
		TAILQ_REMOVE(&s->asked, t, link);
		TAILQ_INSERT_HEAD(&s->asking, t, link);
	}
	s->nasked = 0;
	if (s->getpw > 0)
		(void)kill(s->getpw, SIGKILL);
	s->getpw = 0;
	fd_close(&s->ask_fd);
	fd_close(&s->answer_fd);
	buf_reset(&s->answer);
}

static void
fail_first(struct lsched *s)
{
	struct task *t = TAILQ_FIRST(&s->asking);

	if (t == NULL)
		return;
	TAILQ_REMOVE(&s->asking, t, link);
	task_report(s, t, LOCAL_NOGETPW, SPAN(""));
}

/* It died, or talks nonsense. The first question may be why; and one that
 * never answered will not do better the next time. */
static void
lose_getpw(struct lsched *s)
{
	bool has_answered = s->has_answered;

	log_line("lost qmail-getpw");
	stop_getpw(s);
	do
		fail_first(s);
	while (!has_answered && !TAILQ_EMPTY(&s->asking));
}

static int
ask(struct lsched *s, struct task *t)
{
	size_t begun = wire_begin(&t->bytes, WIRE_ASK);
	int r;

	wire_put_bytes(&t->bytes, t->local);
	wire_end(&t->bytes, begun);
	r = buf_err(&t->bytes);
	if (r == 0)
		r = fd_write(s->ask_fd, buf_span(&t->bytes), clock_ms());
	buf_reset(&t->bytes);
	return r;
}

/* Ask as much as the pipe takes without waiting. */
static void
ask_more(struct lsched *s)
{
	struct task *t;

	while (s->nasked < ASKED_MAX && (t = TAILQ_FIRST(&s->asking)) != NULL) {
		if (s->ask_fd < 0 && start_getpw(s) < 0) {
			fail_first(s);
			continue;
		}
		TAILQ_REMOVE(&s->asking, t, link);
		TAILQ_INSERT_TAIL(&s->asked, t, link);
		s->nasked++;
		if (ask(s, t) < 0) {
			lose_getpw(s);
			return;
		}
	}
}

/* One answer, for the first of those asked. E_SYNTAX when it makes none. */
static int
take_answer(struct lsched *s, struct frame *f)
{
	struct task *t = TAILQ_FIRST(&s->asked);
	uint32_t code = wire_get_u32(f);
	struct span record = wire_get_bytes(f);
	struct account a;

	if (t == NULL || f->type != WIRE_ACCOUNT || wire_err(f) < 0 ||
	    (code == 0 && account_parse(record, &a) < 0))
		return E_SYNTAX;
	TAILQ_REMOVE(&s->asked, t, link);
	s->nasked--;
	s->has_answered = true;
	if (code != 0) {
		task_report(s, t, code, SPAN(""));
		return 0;
	}
	remember(s, t->local, record);
	found(s, t, &a);
	return 0;
}

static void
read_answers(struct lsched *s)
{
	size_t got = 0;
	struct span rest;
	struct frame f;
	int r = fd_read_buf(
	    s->answer_fd, &s->answer, ACCOUNT_MAX, FD_FOREVER, &got);

	if (r < 0 || got == 0) {
		lose_getpw(s);
		return;
	}
	rest = buf_span(&s->answer);
	do {
		r = wire_next(&rest, ACCOUNT_MAX, &f);
		if (r == 0)
			r = take_answer(s, &f);
	} while (r == 0);
	buf_drop(&s->answer, s->answer.len - rest.len);
	if (r != E_EOF)
		lose_getpw(s);
}

/* --- the parts of the loop --- */

void
users_find(struct lsched *s, struct task *t)
{
	if (find_assigned(s, t) || find_cached(s, t))
		return;
	if (t->local.len > ASK_LOCAL_MAX) {
		task_report(s, t, LOCAL_BUG, SPAN(""));
		return;
	}
	t->deadline = clock_ms() + LOOKUP_MS;
	TAILQ_INSERT_TAIL(&s->asking, t, link);
}

void
users_prepare(struct lsched *s, struct wait *w)
{
	const struct task *t;

	ask_more(s);
	t = TAILQ_FIRST(&s->asked);
	if (t != NULL)
		wait_until(w, t->deadline);
	s->handle = wait_in(w, s->answer_fd);
}

void
users_ready(struct lsched *s, const struct wait *w)
{
	const struct task *t;
	int64_t now;

	if (s->answer_fd >= 0 && wait_ready(w, s->handle))
		read_answers(s);
	t = TAILQ_FIRST(&s->asked);
	now = t != NULL ? clock_ms() : 0;
	if (t == NULL || t->deadline > now)
		return;
	log_line("qmail-getpw does not answer");
	stop_getpw(s);
	while ((t = TAILQ_FIRST(&s->asking)) != NULL && t->deadline <= now)
		fail_first(s);
}

void
users_gone(struct lsched *s, pid_t pid)
{
	/* the end of its answers tells the rest */
	if (pid == s->getpw)
		s->getpw = 0;
}
