/*
 * report - the ways qmail-inject gives up, in the words of the contract
 */
#ifndef REPORT_H
#define REPORT_H

#include "base/attr.h"
#include "base/span.h"

/* "unable to parse address: ADDR", 100. */
void die_address(struct span addr) NORETURN;

/* "unable to parse this line:", the field, 100. */
void die_field(struct span field) NORETURN;

/* "out of memory" or "read error", 111; "message too big", 100. */
void die_failed(int r) NORETURN;

#endif
