/*
 * reader - looks at the messages of the queue, and at where they go
 *
 * All here exits when it cannot go on.
 */
#ifndef CTL_READER_H
#define CTL_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/span.h"
#include "conf/routes.h"
#include "queue/store.h"

struct reader {
	struct store *store;
	struct routes *routes;
	struct map *smtproutes; /* NULL: there are none */
	struct map *overrides;
	int64_t now;     /* seconds since 1970 */
	struct buf file; /* the envelope at hand */
	struct buf routed;
};

/* One message; of its bytes only one at a time is at hand. */
struct message {
	struct envelope env;
	struct note note; /* empty while nothing has failed */
	bool has_note;
};

/* Where a recipient's mail goes. Borrowed from reader and recipient. */
struct way {
	enum routes_to to;
	struct span addr;  /* as it is delivered to */
	struct span host;  /* its domain */
	bool is_relay;     /* to another host than the domain's MX: */
	struct span relay; /* name or address */
	uint16_t port;
	bool is_override; /* an operator said so, for a while */
};

/* Open the queue of the home directory and read the control files. */
void reader_open(struct reader *r);
void reader_close(struct reader *r);

/*
 * Read a message. E_ABSENT when there is none; else, when it cannot be
 * read, that is said on descriptor 2, and the failure returned.
 */
int reader_load(struct reader *r, uint64_t id, struct message *m) MUST_CHECK;
void message_free(struct message *m);

/* How many recipients are not done. */
uint32_t message_pending(const struct message *m);

struct way reader_way(
    struct reader *r, const struct message *m, struct span rcpt);

#endif
