/*
 * token - the words and signs of an address field, and writing them again
 *
 * Contract edges.md 5.5 and 5.7. A token's text is what it means: quotes,
 * backslashes and the parentheses of comments are gone. Folded lines
 * inside a string, a literal or a comment are unfolded (RFC 5322 3.2.4).
 * Pure functions.
 *
 * Ownership: a tokens has its array, and the texts of what tokens_scan()
 * read. Tokens that are copied from one tokens into another keep borrowing
 * from the first.
 */
#ifndef MAIL_TOKEN_H
#define MAIL_TOKEN_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

enum token_kind {
	TOKEN_ATOM,
	TOKEN_STRING,
	TOKEN_LITERAL, /* in brackets */
	TOKEN_COMMENT,
	TOKEN_DOT,
	TOKEN_COMMA,
	TOKEN_AT,
	TOKEN_LEFT,  /* < */
	TOKEN_RIGHT, /* > */
	TOKEN_COLON,
	TOKEN_SEMI
};

struct token {
	enum token_kind kind;
	struct span text;
};

struct tokens {
	struct token *v; /* n of them, NULL before the first */
	size_t n, cap;
	struct buf text; /* never grows while tokens point into it */
};

enum { TOKENS_MAX_BYTES = 32 * 1024 * 1024 }; /* of text, in one scan */

#define TOKENS_INIT ((struct tokens){ .text = BUF_INIT(TOKENS_MAX_BYTES) })

void tokens_free(struct tokens *t);

/* Forget the tokens, keep the storage. */
void tokens_reset(struct tokens *t);

/*
 * Replace the content of t by the tokens of s, which is not kept. E_SYNTAX
 * for a comment, string or literal that does not end, a ')' or ']' that
 * begins nothing, and a NUL, which no address can carry; E_TOOBIG, E_NOMEM.
 */
int tokens_scan(struct tokens *t, struct span s) MUST_CHECK;

/* Append one token; its text is borrowed. E_NOMEM. */
int tokens_put(struct tokens *t, struct token k) MUST_CHECK;

/* Turn the order of all tokens round. */
void tokens_reverse(struct tokens *t);

/* Whether it is an atom, a string or a literal. */
static inline bool
token_is_word(const struct token *k)
{
	return k->kind == TOKEN_ATOM || k->kind == TOKEN_STRING ||
	       k->kind == TOKEN_LITERAL;
}

/* Append the form addresses have inside the system: no quotes, no comments,
 * literals with their brackets. */
void tokens_plain(const struct tokens *t, struct buf *out);

/*
 * Append the field "NAME: tokens" and an LF, folded behind commas so that
 * lines stay within 78 bytes where they can. CR and LF inside a token
 * become spaces: whatever the tokens, it is one field. E_NOMEM, E_TOOBIG over out's
 * bound.
 */
int tokens_field(
    const struct tokens *t, struct span name, struct buf *out) MUST_CHECK;

#endif
