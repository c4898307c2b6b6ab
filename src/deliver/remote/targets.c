/*
 * targets - the addresses to try for a host: see targets.h
 */
#include "targets.h"

#include <ifaddrs.h>
#include <net/if.h>

#include "base/ascii.h"
#include "base/err.h"
#include "base/mem.h"
#include "dns.h"
#include "sys/clock.h"

static const char no_host[] = "Sorry, I couldn't find any host named ";
static const char soft[] =
    "Sorry, I couldn't find any host by that name. (#4.1.2)";
static const char no_mx[] =
    "Sorry, I couldn't find a mail exchanger or IP address. (#5.4.4)";
static const char ambiguous[] =
    "Sorry. Although I'm listed as a best-preference MX or A for that host,\n"
    "it isn't in my control/locals file, so I don't treat it as local. "
    "(#5.4.6)";

/* The host as it may be shown: unprintable bytes as '?'. */
static void
say_named(struct report *report, const char *before, struct span host,
    const char *after)
{
	struct buf text = BUF_INIT(LIMIT_HOST + 1);
	const char *shown = "?";
	size_t i;

	for (i = 0; i < host.len && i < LIMIT_HOST; i++) {
		unsigned char c = (unsigned char)host.p[i];
		bool is_shown = ascii_is_print(c) && c != ' ';

		buf_putc(&text, (char)(is_shown ? c : '?'));
	}
	if (buf_cstr(&text, &shown) < 0)
		shown = "?";
	report_message(report, 'D', before, shown, after, NULL);
	buf_free(&text);
}

static int
say_lookup(struct report *report, int r, struct span host)
{
	if (r == E_ABSENT)
		say_named(report, no_host, host, ". (#5.1.2)");
	else
		report_message(report, 'Z', soft, NULL, NULL, NULL);
	return E_ABSENT;
}

static void
add(struct targets *t, const struct ip *ip, uint16_t preference)
{
	if (t->n == LIMIT_TARGETS)
		return;
	t->at[t->n++] = (struct target){ .ip = *ip, .preference = preference };
}

/* Add the addresses of one host. A literal is its own address. */
static int
add_host(struct targets *t, const char *name, uint16_t preference)
{
	struct ip found[LIMIT_TARGETS];
	size_t n, i;
	int r;

	if (ip_parse(span_cstr(name), &found[0])) {
		add(t, &found[0], preference);
		return 0;
	}
	r = dns_addresses(name, found, LIMIT_TARGETS - t->n, &n);
	for (i = 0; r == 0 && i < n; i++)
		add(t, &found[i], preference);
	return r;
}

/* All addresses of all mail exchangers. */
static int
add_exchangers(
    struct targets *t, const struct mx_set *set, struct report *report)
{
	int64_t deadline = clock_ms() + LIMIT_LOOKUPS_MS;
	bool unsure = false;
	size_t i;

	for (i = 0; i < set->n && t->n < LIMIT_TARGETS; i++) {
		const struct mx *mx = &set->mx[i];
		int r = clock_ms() < deadline
			    ? add_host(t, mx->name, mx->preference)
			    : E_TIMEOUT;

		unsure = unsure || (r < 0 && r != E_ABSENT);
	}
	if (t->n > 0)
		return 0;
	if (unsure)
		report_message(report, 'Z', soft, NULL, NULL, NULL);
	else
		report_message(report, 'D', no_mx, NULL, NULL, NULL);
	return E_ABSENT;
}

struct me {
	const struct ifaddrs *list;
};

static bool
is_me(const void *ctx, const struct ip *ip)
{
	const struct me *me = ctx;
	const struct ifaddrs *i;
	struct ip own;

	if (ip_is_any(ip))
		return true;
	for (i = me->list; i != NULL; i = i->ifa_next)
		if ((i->ifa_flags & IFF_UP) != 0 &&
		    ip_from_sockaddr(i->ifa_addr, &own) && ip_eq(&own, ip))
			return true;
	return false;
}

bool
targets_drop_me(struct targets *t, targets_is_me_fn *mine, const void *ctx)
{
	uint32_t best = UINT32_MAX;
	size_t i, kept = 0;
	bool dropped;

	for (i = 0; i < t->n; i++)
		if (t->at[i].preference < best && mine(ctx, &t->at[i].ip))
			best = t->at[i].preference;
	for (i = 0; i < t->n; i++)
		if (t->at[i].preference < best)
			t->at[kept++] = t->at[i];
	dropped = kept < t->n;
	t->n = kept;
	return dropped;
}

static int
drop_me(struct targets *t, struct report *report)
{
	struct ifaddrs *list = NULL;
	struct me me;

	if (getifaddrs(&list) < 0)
		list = NULL;
	me.list = list;
	if (targets_drop_me(t, is_me, &me) && t->n == 0)
		report_message(report, 'D', ambiguous, NULL, NULL, NULL);
	freeifaddrs(list);
	return t->n > 0 ? 0 : E_ABSENT;
}

/* By MX, or by the host's own addresses. */
static int
find_by_dns(struct span host, const char *name, struct targets *out,
    struct report *report)
{
	struct mx_set *set = mem_new(1, sizeof(*set));
	int r;

	if (set == NULL)
		return E_NOMEM;
	r = dns_mx(name, set);
	if (r == 0 && set->is_null) {
		say_named(report, "Sorry, mail for ", host,
		    " is not accepted anywhere: its MX is null. (#5.1.10)");
		r = E_ABSENT;
	} else if (r == 0) {
		r = add_exchangers(out, set, report);
	} else {
		if (r == E_ABSENT)
			r = add_host(out, name, 0);
		if (r < 0)
			r = say_lookup(report, r, host);
	}
	mem_free(set);
	return r;
}

static int
find_relay(struct span relay, const char *name, struct targets *out,
    struct report *report)
{
	int r = add_host(out, name, 0);

	return r < 0 ? say_lookup(report, r, relay) : 0;
}

static int
find_mx(struct span host, const char *name, struct targets *out,
    struct report *report)
{
	struct ip literal;
	int r = 0;

	if (ip_parse(host, &literal))
		add(out, &literal, 0);
	else
		r = find_by_dns(host, name, out, report);
	return r == 0 ? drop_me(out, report) : r;
}

int
targets_find(struct span host, const struct route *route, struct targets *out,
    struct report *report)
{
	struct span wanted = route->is_relay ? route->relay : host;
	struct buf name = BUF_INIT(LIMIT_HOST);
	const char *text;
	int r;

	out->n = 0;
	out->port = route->port;
	buf_put(&name, wanted);
	r = buf_cstr(&name, &text);
	/* too long, or with a NUL: there cannot be such a host */
	if (r == E_TOOBIG || r == E_NUL)
		r = say_lookup(report, E_ABSENT, wanted);
	else if (r == 0 && route->is_relay)
		r = find_relay(wanted, text, out, report);
	else if (r == 0)
		r = find_mx(wanted, text, out, report);
	if (r == E_NOMEM)
		report_message(
		    report, 'Z', "Out of memory. (#4.3.0)", NULL, NULL, NULL);
	buf_free(&name);
	return r;
}
