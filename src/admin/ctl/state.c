/*
 * state - supervise/ctl.state: see state.h
 */
#include "state.h"

#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/num.h"
#include "sys/fd.h"
#include "sys/file.h"

enum {
	STATE_MAX = 64 * 1024,
	PROC_MAX = 4096,
	STATE_MODE = 0644,
	BEGAN_FIELD = 20, /* behind the name: proc(5) counts it as 22 */
	ZOMBIE_FIELD = 1  /* the state of the process */
};

static const char file[] = "supervise/ctl.state";

/* The next word of *s, which blanks end. */
static struct span
next_word(struct span *s)
{
	size_t n = span_find(*s, ' ');
	struct span word = span_head(*s, n);

	*s = span_tail(*s, n + 1);
	return word;
}

static uint64_t
parse_stat(struct span text)
{
	struct span rest = span_tail(text, span_rfind(text, ')') + 2);
	uint64_t began = 0;

	for (int field = ZOMBIE_FIELD; field <= BEGAN_FIELD; field++) {
		struct span word = next_word(&rest);

		if (field == ZOMBIE_FIELD &&
		    (span_eq(word, SPAN("Z")) || span_eq(word, SPAN("X"))))
			return 0;
		if (field == BEGAN_FIELD &&
		    num_parse(word, UINT64_MAX, &began) < 0)
			return 0;
	}
	return began;
}

uint64_t
state_began(pid_t pid)
{
	struct buf path = BUF_INIT(64), text = BUF_INIT(PROC_MAX);
	uint64_t began = 0;
	const char *p;

	buf_puts(&path, "/proc/");
	buf_putu(&path, (uintmax_t)pid);
	buf_puts(&path, "/stat");
	if (buf_cstr(&path, &p) == 0 && file_read(FILE_CWD, p, &text) == 0)
		began = parse_stat(buf_span(&text));
	buf_free(&path);
	buf_free(&text);
	return began;
}

/* Append this boot's name, with its LF. */
static int
put_boot(struct buf *b)
{
	return file_read(FILE_CWD, "/proc/sys/kernel/random/boot_id", b);
}

static int
parse_entry(struct span line, struct state_entry *e)
{
	struct span name = next_word(&line);
	uint64_t pid;
	int r;

	if (name.len == 0 || name.len >= sizeof(e->name))
		return E_SYNTAX;
	memcpy(e->name, name.p, name.len);
	e->name[name.len] = '\0';
	r = num_parse(next_word(&line), INT32_MAX, &pid);
	if (r == 0)
		r = num_parse(next_word(&line), UINT64_MAX, &e->began);
	if (r == 0)
		r = num_parse(next_word(&line), UINT64_MAX, &e->since);
	if (r == 0)
		r = num_parse(next_word(&line), UINT64_MAX, &e->restarts);
	e->pid = r == 0 ? (pid_t)pid : 0;
	return r;
}

static void
parse(struct span text, struct span boot, struct state *out)
{
	struct span line;

	*out = (struct state){ .n = 0 };
	if (!span_line(&text, &line) || !span_starts(line, SPAN("boot ")) ||
	    !span_eq(span_tail(line, 5), span_trim_end(boot)))
		return;
	while (out->n < 1 + SERVICES_MAX && span_line(&text, &line))
		if (parse_entry(line, &out->list[out->n]) == 0)
			out->n++;
}

int
state_read(struct state *out)
{
	struct buf text = BUF_INIT(STATE_MAX), boot = BUF_INIT(PROC_MAX);
	int r = put_boot(&boot);

	*out = (struct state){ .n = 0 };
	if (r == 0)
		r = file_read(FILE_CWD, file, &text);
	if (r == 0)
		parse(buf_span(&text), buf_span(&boot), out);
	buf_free(&text);
	buf_free(&boot);
	return r == E_ABSENT ? 0 : r;
}

static void
put_entry(struct buf *b, const struct state_entry *e)
{
	const uint64_t numbers[] = { (uint64_t)e->pid, e->began, e->since,
		e->restarts };

	buf_puts(b, e->name);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		buf_putc(b, ' ');
		buf_putu(b, numbers[i]);
	}
	buf_putc(b, '\n');
}

int
state_write(const struct state *s)
{
	struct buf b = BUF_INIT(STATE_MAX);
	int r;

	buf_puts(&b, "boot ");
	r = put_boot(&b);
	for (size_t i = 0; i < s->n; i++)
		put_entry(&b, &s->list[i]);
	if (r == 0)
		r = buf_err(&b);
	if (r == 0)
		r = file_publish(FILE_CWD, file, buf_span(&b), STATE_MODE);
	buf_free(&b);
	return r;
}

const struct state_entry *
state_find(const struct state *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->list[i].name, name) == 0)
			return &s->list[i];
	return NULL;
}

int
state_open_process(const struct state_entry *e)
{
	int fd = e->pid > 0 ? pidfd_open(e->pid, 0) : -1;

	/* open first, then look: now the pid cannot change its meaning */
	if (fd >= 0 && state_began(e->pid) != e->began)
		fd_close(&fd);
	return fd;
}

int
state_signal(int process, int signal)
{
	return pidfd_send_signal(process, signal, NULL, 0) < 0 ? err_sys() : 0;
}
