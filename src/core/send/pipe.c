/*
 * pipe - writing as much as goes without waiting: see pipe.h
 */
#include "pipe.h"

#include <errno.h>
#include <unistd.h>

#include "base/err.h"

int
pipe_push(int fd, struct buf *b)
{
	struct span s;
	size_t had;
	int r = buf_err(b);

	if (r < 0)
		return r;
	s = buf_span(b);
	had = s.len;
	while (s.len > 0) {
		ssize_t n = write(fd, s.p, s.len);

		if (n >= 0) {
			s = span_tail(s, (size_t)n);
		} else if (errno == EAGAIN) {
			break;
		} else if (errno != EINTR) {
			r = err_sys();
			break;
		}
	}
	buf_drop(b, had - s.len);
	return r;
}
