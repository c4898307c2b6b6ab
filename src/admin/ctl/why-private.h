/*
 * why-private - what the parts of the verb why share
 */
#ifndef CTL_WHY_PRIVATE_H
#define CTL_WHY_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/span.h"
#include "conf/assign.h"
#include "conf/routes.h"
#include "doc.h"
#include "sys/io.h"

enum {
	WHY_DEPTH_MAX = 10,   /* forwards of forwards are followed so far */
	WHY_NODES_MAX = 1000, /* addresses in all */
	WHY_TEXT_MAX = 64 * 1024,
	WHY_MS = 60 * 1000 /* for whoever is asked */
};

/* One address. Nodes live until the end: others were forwarded by them. */
struct why_node {
	TAILQ_ENTRY(why_node) link;
	struct why_node *via; /* NULL: the operator wants to know */
	unsigned int depth;
	struct buf address;
	struct buf final; /* where its mail goes after rewriting */
};
TAILQ_HEAD(why_nodes, why_node);

struct why {
	struct out out;
	bool is_json;
	struct doc_list docs;
	json_t *doc, *steps; /* of the node at hand */

	bool is_system; /* root's: mail is delivered as any account */
	uid_t owner;    /* of a private home */
	struct buf default_delivery;
	struct routes *routes;
	struct map *smtproutes; /* NULL: there are none */
	int64_t now;            /* seconds since 1970 */

	struct why_nodes todo, done;
	struct why_node *at;
	struct why_node *next; /* where the next forward goes in front of */
	size_t nodes;
};

/* A text made of pieces. */
#define WHY(...) ((const struct span[]){ __VA_ARGS__, { NULL, 0 } })

/*
 * A step of the explanation. step is a word for programs; file, with the
 * line unless that is 0, is what decided, or NULL. The document of the
 * step, to say more in, or NULL: there is none.
 */
json_t *why_step(struct why *w, const char *step, const char *file, size_t line,
    const struct span text[]);

/* The last word on the address at hand: a word for programs, and people. */
void why_end(struct why *w, const char *outcome, const struct span text[]);

/* The address at hand is forwarded to this one: explain that too. */
void why_follow(struct why *w, struct span address);

/* why-route.c: rewrite the address at hand; where it goes. */
enum routes_to why_route(struct why *w, struct buf *final);
/* why-route.c: by which way it leaves. */
void why_remote(struct why *w, struct span final);

/* why-owner.c: whose is it? False: it has ended. Borrowed from text. */
bool why_owner(
    struct why *w, struct span local, struct buf *text, struct account *a);

/* why-local.c: what its owner does with it. */
void why_local(struct why *w, struct span local, struct span domain,
    const struct account *a);

#endif
