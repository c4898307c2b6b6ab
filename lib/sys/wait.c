/*
 * wait - one place to wait in: see wait.h
 */
#include "sys/wait.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "sys/clock.h"

enum { FIRST_CAP = 16 };

void
wait_reset(struct wait *w)
{
	w->n = 0;
	w->deadline = INT64_MAX;
	w->err = 0;
}

void
wait_free(struct wait *w)
{
	mem_free(w->fds);
	*w = WAIT_INIT;
}

static size_t
add(struct wait *w, int fd, short events)
{
	if (w->n == w->cap) {
		size_t cap = w->cap == 0 ? FIRST_CAP : w->cap * 2;
		struct pollfd *fds = mem_resize(w->fds, cap, sizeof(*fds));

		if (fds == NULL) {
			w->err = E_NOMEM;
			return SIZE_MAX;
		}
		w->fds = fds;
		w->cap = cap;
	}
	w->fds[w->n] = (struct pollfd){ .fd = fd, .events = events };
	return w->n++;
}

size_t
wait_in(struct wait *w, int fd)
{
	return add(w, fd, POLLIN);
}

size_t
wait_out(struct wait *w, int fd)
{
	return add(w, fd, POLLOUT);
}

void
wait_until(struct wait *w, int64_t when)
{
	if (when < w->deadline)
		w->deadline = when;
}

int
wait_run(struct wait *w)
{
	int ms = -1;

	if (w->err != 0)
		return w->err;
	if (w->deadline != INT64_MAX) {
		int64_t left = w->deadline - clock_ms();

		if (left < 0)
			left = 0;
		/* a timer never fires early: it would only spin */
		ms = left > INT_MAX ? INT_MAX : (int)left;
	}
	if (poll(w->fds, w->n, ms) < 0) {
		for (size_t i = 0; i < w->n; i++)
			w->fds[i].revents = 0;
		if (errno != EINTR)
			return err_sys();
	}
	return 0;
}

bool
wait_ready(const struct wait *w, size_t handle)
{
	return handle < w->n && w->fds[handle].fd >= 0 &&
	       w->fds[handle].revents != 0;
}
