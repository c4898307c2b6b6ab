/*
 * date - the ways mail writes a moment
 *
 * t is seconds since 1970. Pure functions: no clock is read here.
 */
#ifndef MAIL_DATE_H
#define MAIL_DATE_H

#include <stdint.h>

#include "base/buf.h"

/* Append "22 Nov 2026 14:32:10 -0000": Received, Date, bounces; UTC. */
void date_822(struct buf *b, int64_t t);

/* Append "Sun Nov 22 14:37:10 2026": From_ lines; UTC. */
void date_mbox(struct buf *b, int64_t t);

/* Append "20261122143210": Message-ID; UTC. */
void date_digits(struct buf *b, int64_t t);

#endif
