/*
 * dns - questions to the system's resolver: see dns.h
 */
#include "dns.h"

#include <arpa/nameser.h>
#include <errno.h>
#include <netdb.h>
#include <resolv.h>
#include <string.h>
#include <sys/random.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

/* An address in the place of a name comes first: contract edges.md 4.4. */
static void
prefer_literals(struct mx_set *set)
{
	struct ip ip;
	size_t i;

	for (i = 0; i < set->n; i++)
		if (ip_parse(span_cstr(set->mx[i].name), &ip))
			set->mx[i].preference = 0;
}

/* Equal preferences take turns at random; without luck, in some order. */
static void
draw_lots(struct mx_set *set)
{
	uint32_t lots[LIMIT_MX];
	size_t i;

	if (getrandom(lots, sizeof(lots), 0) != (ssize_t)sizeof(lots))
		return;
	for (i = 0; i < set->n; i++)
		set->mx[i].lot = lots[i];
}

/* What the resolver's refusal means. */
static int
hard_or_soft(int error)
{
	if (error == HOST_NOT_FOUND || error == NO_DATA)
		return E_ABSENT;
	return err_of(EAGAIN);
}

static int
ask_mx(res_state state, const char *domain, unsigned char *packet,
    struct mx_set *out)
{
	int len =
	    res_nquery(state, domain, ns_c_in, ns_t_mx, packet, NS_MAXMSG);

	if (len < 0)
		return hard_or_soft(state->res_h_errno);
	return answer_mx(
	    packet, (size_t)(len < NS_MAXMSG ? len : NS_MAXMSG), out);
}

int
dns_mx(const char *domain, struct mx_set *out)
{
	struct __res_state state;
	unsigned char *packet;
	int r;

	if (!answer_is_name(domain))
		return E_ABSENT;
	packet = mem_new(NS_MAXMSG, 1);
	if (packet == NULL)
		return E_NOMEM;
	memset(&state, 0, sizeof(state));
	if (res_ninit(&state) < 0) {
		r = err_of(EAGAIN);
	} else {
		r = ask_mx(&state, domain, packet, out);
		res_nclose(&state);
	}
	mem_free(packet);
	if (r < 0)
		return r;
	prefer_literals(out);
	draw_lots(out);
	answer_sort(out);
	return 0;
}

static int
class_of(int error)
{
	if (error == EAI_NONAME || error == EAI_NODATA)
		return E_ABSENT;
	return error == EAI_MEMORY ? E_NOMEM : err_of(EAGAIN);
}

int
dns_addresses(const char *host, struct ip *out, size_t max, size_t *n)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM };
	struct buf name = BUF_INIT(ANSWER_NAME + 1);
	struct addrinfo *found = NULL;
	const struct addrinfo *a;
	const char *text;
	int r;

	*n = 0;
	if (!answer_is_name(host))
		return E_ABSENT;
	buf_puts(&name, host);
	/* absolute: the search list is for people at a terminal */
	if (host[strlen(host) - 1] != '.')
		buf_putc(&name, '.');
	r = buf_cstr(&name, &text);
	if (r < 0)
		goto out;
	r = getaddrinfo(text, NULL, &hints, &found);
	if (r != 0) {
		r = class_of(r);
		goto out;
	}
	for (a = found; a != NULL && *n < max; a = a->ai_next)
		if (ip_from_sockaddr(a->ai_addr, &out[*n]))
			(*n)++;
	r = *n > 0 ? 0 : E_ABSENT;
	freeaddrinfo(found);
out:
	buf_free(&name);
	return r;
}
