/*
 * vars - what programs are told about a delivery, and the lines in front
 *        of a delivered message
 *
 * Contract local.md 1.5, 1.7. Pure but for vars_environment(), which
 * allocates.
 */
#ifndef LOCAL_VARS_H
#define LOCAL_VARS_H

#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

#include "local.h"

/* Append the line, with its LF. */
void vars_dtline(struct buf *b, struct span local, struct span domain);
void vars_rpline(struct buf *b, struct span sender);

/* What follows the n-th '-' of ext; empty when there are fewer. */
struct span vars_ext(struct span ext, unsigned int n);

/* host before its n-th dot from the right; before the last one it has. */
struct span vars_host(struct span host, unsigned int n);

/*
 * Fill d->env: what the process inherited without the names below, then
 * the values of this job. E_NOMEM.
 */
int vars_environment(struct delivery *d) MUST_CHECK;
void vars_free(struct environment *e);

#endif
