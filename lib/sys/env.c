/*
 * env - the environment: see env.h
 */
#include "sys/env.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"

enum { VALUE_MAX = 16 * 1024 * 1024 };

const char *
env_get(const char *name)
{
	return getenv(name);
}

int
env_put(const char *name, struct span value)
{
	struct buf b = BUF_INIT(VALUE_MAX);
	const char *p;
	int r;

	buf_put(&b, value);
	r = buf_cstr(&b, &p);
	if (r == 0 && setenv(name, p, 1) < 0)
		r = err_sys();
	buf_free(&b);
	return r;
}

void
env_drop(const char *name)
{
	(void)unsetenv(name);
}
