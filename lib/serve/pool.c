/*
 * pool - the children of the resident form, counted: see pool.h
 */
#include "serve/pool.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/log.h"
#include "sys/proc.h"

enum {
	SPARES_MIN = 4,
	SPARES_MAX = 32,
	CALLS = 64,         /* read at once */
	CALM_MS = 30 * 1000 /* without want: fewer spares will do */
};

int
pool_open(struct pool *p, size_t inherited)
{
	int r;

	*p = (struct pool){ .calls = { -1, -1 },
		.inherited = inherited,
		.target = SPARES_MIN };
	r = fd_pipe(p->calls);
	if (r == 0)
		r = fd_nonblock(p->calls[0], true);
	if (r == 0)
		r = fd_nonblock(p->calls[1], true);
	if (r < 0)
		return r;
	p->board = mmap(NULL, sizeof(*p->board), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return p->board == MAP_FAILED ? err_sys() : 0;
}

void
pool_close(struct pool *p)
{
	fd_close(&p->calls[0]);
	fd_close(&p->calls[1]);
	mem_free(p->kids);
	p->kids = NULL;
	p->slots = 0;
	(void)munmap(p->board, sizeof(*p->board));
}

int
pool_set_limit(struct pool *p, size_t limit)
{
	pid_t *more;

	if (limit > p->slots) {
		more = mem_resize(p->kids, limit, sizeof(*more));
		if (more == NULL)
			return E_NOMEM;
		memset(more + p->slots, 0, (limit - p->slots) * sizeof(*more));
		p->kids = more;
		p->slots = limit;
	}
	p->limit = limit;
	return 0;
}

static bool
is_full(const struct pool *p)
{
	return p->n + p->inherited >= p->limit;
}

/* The slot of a child; pid 0: a free one. p->slots when there is none. */
static size_t
find(const struct pool *p, pid_t pid)
{
	size_t i = 0;

	while (i < p->slots && p->kids[i] != pid)
		i++;
	return i;
}

/* As pool_fill(), for one child. */
static int
add_child(struct pool *p, size_t *slot)
{
	size_t i = find(p, 0);
	pid_t pid;
	int r;

	if (i == p->slots)
		return 1;
	/* before the fork: the child may be busy before we are back */
	(void)atomic_fetch_add(&p->board->spares, 1);
	r = proc_fork(&pid);
	if (r < 0) {
		(void)atomic_fetch_sub(&p->board->spares, 1);
		return r;
	}
	if (pid == 0) {
		*slot = i;
		return 0;
	}
	p->kids[i] = pid;
	p->n++;
	return 1;
}

/* Tell once that nobody else gets in. */
static void
note_full(struct pool *p)
{
	struct buf line = BUF_INIT(256);
	const char *words;

	if (!is_full(p) || atomic_load(&p->board->spares) > 0) {
		/* not at each turn about the edge */
		if (p->n + p->inherited < p->limit - p->limit / 8)
			p->was_full = false;
		return;
	}
	if (p->was_full)
		return;
	p->was_full = true;
	buf_puts(&line, "status: ");
	buf_putu(&line, p->n + p->inherited);
	buf_putc(&line, '/');
	buf_putu(&line, p->limit);
	buf_puts(&line, " connections, others wait "
			"(control/concurrencyincoming)");
	if (buf_cstr(&line, &words) == 0)
		log_line(words);
	buf_free(&line);
}

int
pool_fill(struct pool *p, size_t *slot)
{
	int64_t now = clock_ms();

	if (now < p->hold_until)
		return 1;
	if (p->target > SPARES_MIN && now - p->dry_at > CALM_MS) {
		p->target /= 2;
		p->dry_at = now;
	}
	while (!is_full(p) && atomic_load(&p->board->spares) < p->target) {
		int r = add_child(p, slot);

		if (r == 0)
			return 0;
		if (r < 0) {
			p->hold_until = now + POOL_RESTART_MS;
			return r;
		}
	}
	note_full(p);
	/* once it has been noted that nothing can be done, nobody need call */
	atomic_store(&p->board->low, is_full(p) ? !p->was_full : p->target / 2);
	return 1;
}

void
pool_call(struct pool *p, char what)
{
	/* a full pipe says it already */
	if (write(p->calls[1], &what, 1) < 0)
		return;
}

void
pool_mark_busy(struct pool *p, size_t slot)
{
	int left;

	atomic_store(&p->board->is_busy[slot], true);
	left = atomic_fetch_sub(&p->board->spares, 1) - 1;
	if (left < atomic_load(&p->board->low))
		pool_call(p, left > 0 ? CALL_LOW : CALL_DRY);
}

bool
pool_hear(struct pool *p)
{
	char calls[CALLS];
	bool has_changed = false;
	bool is_dry = false;
	ssize_t n = read(p->calls[0], calls, sizeof(calls));

	for (ssize_t i = 0; i < n; i++) {
		has_changed |= calls[i] == CALL_CHANGED;
		is_dry |= calls[i] == CALL_DRY;
	}
	if (is_dry && !is_full(p)) {
		p->dry_at = clock_ms();
		p->target *= 2;
		if (p->target > SPARES_MAX)
			p->target = SPARES_MAX;
	}
	return has_changed;
}

static void
log_killed(pid_t pid, int signal)
{
	struct buf line = BUF_INIT(128);
	const char *words;

	buf_puts(&line, "pid ");
	buf_putu(&line, (uintmax_t)pid);
	buf_puts(&line, " killed by signal ");
	buf_putu(&line, (uintmax_t)signal);
	if (buf_cstr(&line, &words) == 0)
		log_line(words);
	buf_free(&line);
}

/* A child has ended: its slot is free. */
static void
forget(struct pool *p, pid_t pid, const struct proc_end *end)
{
	size_t i = find(p, pid);

	if (i == p->slots) {
		p->inherited -= p->inherited > 0;
		return;
	}
	p->kids[i] = 0;
	p->n--;
	if (atomic_exchange(&p->board->is_busy[i], false))
		return;
	(void)atomic_fetch_sub(&p->board->spares, 1);
	/* it could not even accept: do not try in a tight circle */
	if (end->how == PROC_EXITED && end->value != 0)
		p->hold_until = clock_ms() + POOL_RESTART_MS;
}

bool
pool_reap(struct pool *p)
{
	bool was_killed = false;
	int status;
	pid_t pid;

	while ((pid = proc_reap(&status)) > 0) {
		struct proc_end end = proc_end_of(status);

		forget(p, pid, &end);
		if (end.how == PROC_KILLED) {
			log_killed(pid, end.value);
			was_killed = true;
		}
	}
	return was_killed;
}

void
pool_signal(const struct pool *p, int signal, bool only_spares)
{
	for (size_t i = 0; i < p->slots; i++) {
		if (p->kids[i] == 0)
			continue;
		if (!only_spares || !atomic_load(&p->board->is_busy[i]))
			(void)kill(p->kids[i], signal);
	}
}
