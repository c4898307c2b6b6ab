/*
 * crlf - lines that end in CR LF become lines that end in LF: see crlf.h
 */
#include "crlf.h"

size_t
crlf_eat(struct crlf *c, struct span in, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < in.len; i++) {
		if (c->has_cr && in.p[i] != '\n')
			out[n++] = '\r';
		c->has_cr = in.p[i] == '\r';
		if (!c->has_cr)
			out[n++] = in.p[i];
	}
	return n;
}

size_t
crlf_end(struct crlf *c, char *out)
{
	size_t n = 0;

	if (c->has_cr)
		out[n++] = '\r';
	c->has_cr = false;
	return n;
}
