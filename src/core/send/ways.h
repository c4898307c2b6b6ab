/*
 * ways - by which way mail goes, and what it has in common with other mail
 *
 * For remote mail control/routeoverrides decides while its lines last, then
 * control/smtproutes; both are read again when they change.
 */
#ifndef WAYS_H
#define WAYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/span.h"
#include "conf/control.h"
#include "queue/note.h"
#include "sys/file.h"

struct ways {
	struct map *routes, *overrides;
	struct buf text; /* of the overrides, as last understood */
	struct file_stamp routes_stamp, overrides_stamp;
	int64_t overrides_end; /* seconds since 1970: the first that ends */
};

#define WAYS_INIT \
	((struct ways){ \
	    .text = BUF_INIT(CONTROL_MAX), .overrides_end = INT64_MAX })

/* What is wrong with which file: NULL if nothing is. */
struct ways_trouble {
	const char *file;
	size_t line; /* that makes no sense, or 0 */
	int r;
};

/*
 * Read what has changed or ended. False: nothing has. A file that cannot
 * be read leaves what was read before.
 */
bool ways_refresh(struct ways *w, struct ways_trouble *t);
void ways_free(struct ways *w);

/* The route for an address, a value of smtproutes; empty: its MX. Borrowed
 * until the next refresh. */
struct span ways_route(
    const struct ways *w, struct span addr, struct span sender);

/*
 * Append the name of an address's destination: remote, its route or domain;
 * local, the user, as far as the address tells. One that would be over
 * DEST_KEY_MAX is made short, and still no other's.
 */
void ways_key(const struct ways *w, enum channel c, struct span addr,
    struct span sender, struct buf *key);

#endif
