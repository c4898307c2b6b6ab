/*
 * doc - JSON documents for programs that read what we say
 *
 * Thin clothes for jansson: nothing here fails, as everything exits when
 * there is no memory. A value that is put somewhere is not ours any more.
 * Output is ASCII, whatever strangers wrote.
 */
#ifndef CTL_DOC_H
#define CTL_DOC_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "sys/io.h"

json_t *doc_object(void);
json_t *doc_array(void);

void doc_put(json_t *object, const char *key, json_t *value);
void doc_append(json_t *array, json_t *value);
void doc_bool(json_t *object, const char *key, bool is_so);
void doc_number(json_t *object, const char *key, uint64_t n);
void doc_null(json_t *object, const char *key);

/*
 * A text. Bytes that are no UTF-8 become U+FFFD, one each; there is then a
 * second member, KEY_hex, with all bytes in hexadecimal.
 */
void doc_text(json_t *object, const char *key, struct span s);

/* A moment: KEY in seconds since 1970, KEY_iso in words; both null for 0. */
void doc_time(json_t *object, const char *key, int64_t t);

/* An ID: text, as not every reader has integers of 64 bits. */
void doc_id(json_t *object, uint64_t id);

/* Write one document, and forget it. */
void doc_write(struct out *o, json_t *value);

/* Write an array, a line for each value, as they come. */
struct doc_list {
	struct out *out;
	bool has_any;
};
void doc_list_begin(struct doc_list *l, struct out *o);
void doc_list_put(struct doc_list *l, json_t *value);
void doc_list_end(struct doc_list *l);

#endif
