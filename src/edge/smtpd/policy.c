/*
 * policy - what the administrator says: see policy.h
 */
#include "policy.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include "base/err.h"
#include "conf/control.h"
#include "limits.h"
#include "mail/address.h"
#include "mail/path.h"

static const char *const names[] = { "control/me", "control/smtpgreeting",
	"control/localiphost", "control/timeoutsmtpd", "control/databytes",
	"control/badmailfrom", "control/rcpthosts",
	"control/morercpthosts.cdb" };

/* A file that does not exist leaves its default. */
static int
optional(int r)
{
	return r == E_ABSENT ? 0 : r;
}

static int
load_timeout(struct policy *p)
{
	int r;

	p->timeout_s = TIMEOUT_S;
	r = optional(control_int("timeoutsmtpd", TIMEOUT_S_MAX, &p->timeout_s));
	if (p->timeout_s == 0)
		p->timeout_s = 1;
	return r;
}

static int
load_names(struct policy *p)
{
	int r = optional(control_line("me", &p->me));

	if (r == 0)
		r = control_line_me("smtpgreeting", NULL, &p->greeting);
	if (r < 0)
		return r;
	r = control_line_me("localiphost", NULL, &p->localiphost);
	p->has_localiphost = r == 0;
	return optional(r);
}

static int
load_all(struct policy *p)
{
	int r = watch_begin(&p->watch, names, sizeof(names) / sizeof(*names));

	if (r == 0)
		r = load_names(p);
	if (r == 0)
		r = load_timeout(p);
	if (r == 0)
		r = optional(control_set("badmailfrom", &p->badmailfrom));
	if (r == 0)
		r = admit_load(&p->admit);
	return r;
}

void
policy_load(struct policy *p)
{
	*p = (struct policy){ .greeting = BUF_INIT(CONTROL_MAX),
		.me = BUF_INIT(CONTROL_MAX),
		.localiphost = BUF_INIT(CONTROL_MAX),
		.admit = ADMIT_INIT };
	p->err = load_all(p);
}

bool
policy_refresh(struct policy *p)
{
	if (p->err == 0 && !watch_has_changed(&p->watch))
		return false;
	policy_free(p);
	policy_load(p);
	return true;
}

void
policy_free(struct policy *p)
{
	buf_free(&p->greeting);
	buf_free(&p->me);
	buf_free(&p->localiphost);
	map_destroy(&p->badmailfrom);
	admit_free(&p->admit);
}

bool
policy_is_bad_sender(const struct policy *p, struct span sender)
{
	struct span ignored;
	size_t at = span_rfind(sender, '@');

	if (p->badmailfrom == NULL)
		return false;
	return map_get(p->badmailfrom, sender, &ignored) ||
	       (at < sender.len &&
		   map_get(p->badmailfrom, span_tail(sender, at), &ignored));
}

/* The bytes of an interface's address; their number, 0 for other families. */
static size_t
address_of(const struct sockaddr *sa, const void **ip)
{
	if (sa != NULL && sa->sa_family == AF_INET) {
		*ip = &((const struct sockaddr_in *)(const void *)sa)->sin_addr;
		return sizeof(struct in_addr);
	}
	if (sa != NULL && sa->sa_family == AF_INET6) {
		*ip =
		    &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
		return sizeof(struct in6_addr);
	}
	return 0;
}

/* Whether an interface that is up has this address; 0.0.0.0 is ours too. */
static int
is_own(const uint8_t *ip, size_t len, bool *yes)
{
	static const uint8_t any[4];
	struct ifaddrs *list;

	*yes = len == sizeof(any) && memcmp(ip, any, len) == 0;
	if (*yes)
		return 0;
	if (getifaddrs(&list) < 0)
		return err_sys();
	for (const struct ifaddrs *i = list; i != NULL && !*yes;
	     i = i->ifa_next) {
		const void *have;

		if ((i->ifa_flags & IFF_UP) != 0 &&
		    address_of(i->ifa_addr, &have) == len)
			*yes = memcmp(have, ip, len) == 0;
	}
	freeifaddrs(list);
	return 0;
}

int
policy_localize(const struct policy *p, struct buf *addr)
{
	struct span local, domain;
	uint8_t ip[16];
	bool is_ours;
	size_t len;
	int r;

	if (!p->has_localiphost || addr->len == 0 ||
	    addr->p[addr->len - 1] != ']' ||
	    !address_split(buf_span(addr), &local, &domain))
		return 0;
	len = path_literal(domain, ip);
	if (len == 0)
		return 0;
	r = is_own(ip, len, &is_ours);
	if (r < 0 || !is_ours)
		return r;
	buf_cut(addr, local.len + 1);
	buf_put(addr, buf_span(&p->localiphost));
	return 0;
}
