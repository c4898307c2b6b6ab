/*
 * map - text keys to text values, ASCII case ignored
 *
 * Made for control files: filled once, asked often. Keys and values are
 * copied. When a key is put twice the last value wins (contract edges.md
 * 0.1). An empty key is a key like any other.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/span.h"

struct map;

/* An empty map, or NULL without memory. */
struct map *map_new(void) MUST_CHECK;

/* Release the map and all it holds; sets *m to NULL. */
void map_destroy(struct map **m);

/* Add or replace. 0 or E_NOMEM. */
int map_put(struct map *m, struct span key, struct span value) MUST_CHECK;

/* Whether key is there; its value in *value (borrowed; may be NULL). */
bool map_get(const struct map *m, struct span key, struct span *value);

/* How many keys. */
size_t map_size(const struct map *m);

#endif
