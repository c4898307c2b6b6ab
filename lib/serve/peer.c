/*
 * peer - who is at the other end: see peer.h
 */
#include "serve/peer.h"

#include <stddef.h>

#include "mail/received.h"
#include "sys/clock.h"
#include "sys/env.h"

/* The value of the first of two variables that is set, or "unknown". */
static struct span
env_word(const char *name, const char *other)
{
	const char *value = env_get(name);

	if (value == NULL && other != NULL)
		value = env_get(other);
	return value != NULL ? span_cstr(value) : SPAN("unknown");
}

void
peer_from_env(struct peer *p)
{
	const char *info = env_get("TCPREMOTEINFO");

	*p = (struct peer){ .ip = env_word("TCPREMOTEIP", "REMOTE_ADDR"),
		.host = env_word("TCPREMOTEHOST", NULL),
		.info = info != NULL ? span_cstr(info) : SPAN(""),
		.has_info = info != NULL,
		.local = env_word("TCPLOCALHOST", "TCPLOCALIP") };
}

void
peer_received(
    const struct peer *p, struct span protocol, struct span helo, struct buf *b)
{
	const struct received line = { .host = p->host,
		.helo = helo,
		.info = p->info,
		.has_info = p->has_info,
		.ip = p->ip,
		.local = p->local,
		.with = protocol,
		.when = clock_real() };

	received_put(b, &line);
}
