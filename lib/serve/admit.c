/*
 * admit - which mail from the network is taken: see admit.h
 */
#include "serve/admit.h"

#include "base/err.h"
#include "base/num.h"
#include "conf/control.h"
#include "sys/env.h"

int
admit_load(struct admit *a)
{
	const char *limit = env_get("DATABYTES");
	int r;

	*a = ADMIT_INIT;
	r = control_int("databytes", UINT64_MAX, &a->databytes);
	if (r < 0 && r != E_ABSENT)
		return r;
	if (limit != NULL &&
	    num_prefix(span_cstr(limit), UINT64_MAX, &a->databytes) < 0)
		a->databytes = 0;
	r = rcpthosts_open(&a->hosts);
	return r == E_ABSENT ? 0 : r;
}

void
admit_free(struct admit *a)
{
	rcpthosts_close(&a->hosts);
}

bool
admit_is_too_big(const struct admit *a, uint64_t bytes)
{
	return a->databytes != 0 && bytes > a->databytes;
}

int
admit_rcpt(
    const struct admit *a, const char *relayclient, struct buf *addr, bool *yes)
{
	*yes = true;
	if (relayclient != NULL)
		buf_puts(addr, relayclient);
	else if (a->hosts != NULL)
		return rcpthosts_has(a->hosts, buf_span(addr), yes);
	return 0;
}
