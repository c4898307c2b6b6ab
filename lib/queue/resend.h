/*
 * resend - send the message of a delivery on: for programs of .qmail files
 */
#ifndef QUEUE_RESEND_H
#define QUEUE_RESEND_H

#include "base/span.h"

/*
 * Queue descriptor 0, from where it stands, below the Delivered-To line of
 * the environment, DTLINE, for the addresses, which end with NULL. The sender
 * is what the variable of that name says. "NAME: qp N" on descriptor 2, or
 * the program ends as prog_die() does (contract local.md 1.10, 4.1).
 */
void resend(const char *sender, char *const *addresses);

#endif
