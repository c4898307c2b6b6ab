/*
 * rcpthosts - the domains we receive mail for: see rcpthosts.h
 */
#include "conf/rcpthosts.h"

#include "base/ascii.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "conf/cdb.h"
#include "conf/control.h"

enum { DOMAIN_BYTES = 64 * 1024 };

struct rcpthosts {
	struct map *few;
	struct cdbfile *more; /* may be NULL */
};

int
rcpthosts_open(struct rcpthosts **out)
{
	struct rcpthosts *h = mem_new(1, sizeof(*h));
	int r = E_NOMEM;

	*out = NULL;
	if (h != NULL)
		r = control_set("rcpthosts", &h->few);
	if (r == 0)
		r = cdbfile_open("control/morercpthosts.cdb", &h->more);
	if (r == E_ABSENT && h->few != NULL)
		r = 0;
	if (r == 0)
		*out = h;
	else
		rcpthosts_close(&h);
	return r;
}

void
rcpthosts_close(struct rcpthosts **h)
{
	if (*h == NULL)
		return;
	map_destroy(&(*h)->few);
	cdbfile_close(&(*h)->more);
	mem_free(*h);
	*h = NULL;
}

/* The domain, then each of its ends that begins with a dot. */
static bool
next_key(struct span *key)
{
	if (key->len == 0)
		return false;
	do
		*key = span_tail(*key, 1);
	while (key->len > 0 && key->p[0] != '.');
	return key->len > 0;
}

static bool
find_few(const struct rcpthosts *h, struct span key)
{
	struct span ignored;

	do
		if (map_get(h->few, key, &ignored))
			return true;
	while (next_key(&key));
	return false;
}

/* 0 found, E_ABSENT not, or why nobody knows. Keys are lower case there. */
static int
find_more(struct rcpthosts *h, struct span domain)
{
	struct buf lower = BUF_INIT(DOMAIN_BYTES);
	struct span key, ignored;
	int r;

	for (size_t i = 0; i < domain.len; i++)
		buf_putc(&lower, ascii_lower((unsigned char)domain.p[i]));
	r = buf_err(&lower);
	if (r == 0) {
		key = buf_span(&lower);
		do
			r = cdbfile_find(h->more, key, &ignored);
		while (r == E_ABSENT && next_key(&key));
	}
	buf_free(&lower);
	return r;
}

int
rcpthosts_has(struct rcpthosts *h, struct span address, bool *yes)
{
	size_t at = span_rfind(address, '@');
	struct span domain = span_tail(address, at + 1);
	int r;

	*yes = at == address.len || find_few(h, domain);
	if (*yes || h->more == NULL)
		return 0;
	r = find_more(h, domain);
	*yes = r == 0;
	return r == E_ABSENT ? 0 : r;
}
