/*
 * store-private - what the files of the store share; nobody else's
 */
#ifndef QUEUE_STORE_PRIVATE_H
#define QUEUE_STORE_PRIVATE_H

#include <limits.h>

#include "queue/store.h"

enum {
	NAME_MAX_ID = 32, /* "18446744073709551615.tmp" and a NUL */
	LEAVING_MAX = 4096
};

struct store {
	int queue;             /* the directory queue/ */
	int mess[STORE_SPLIT]; /* its folders, opened when first needed */
	int todo[STORE_SPLIT];
	int info[STORE_SPLIT];
	int quarantine;
	int mutex;
	int cleaning; /* the folder mess, locked; -1 when not */
	int trigger;  /* the end this process uses, -1 when closed */
	uid_t owner;  /* of mess/: who wrote the messages */
	bool todo_changed[STORE_SPLIT];
	uint64_t leaving[LEAVING_MAX]; /* without envelope: store_leave() */
	size_t nleaving;
};

/*
 * Whether queue/ is that of a classic qmail, whose folders have the same
 * names: to us its messages would be garbage, to be swept.
 */
bool store_is_classic(void);

/* What a queue consists of, outer folders first. */
struct store_place {
	const char *path; /* below the home directory */
	const char *owner;
	mode_t type;
	mode_t mode;
	bool is_split; /* with folders of the same kind below it */
};
enum { STORE_PLACES = 10 };
extern const struct store_place store_places[STORE_PLACES];

/* The decimal name of an ID, with a suffix. Returns name. */
const char *store_name(char name[NAME_MAX_ID], uint64_t id, const char *suffix);

/* The folder of an ID below mess, todo or info, opened once. */
int store_folder(struct store *s, int folders[STORE_SPLIT], const char *kind,
    uint64_t id, int *at) MUST_CHECK;

/* The ID a file name stands for; false for any other name. */
bool store_id(const char *name, uint64_t *id);

/* Whether it is the name of a file that is being written. */
bool store_is_temporary(const char *name);

#endif
