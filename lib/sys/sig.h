/*
 * sig - signals as events: caught ones arrive on a descriptor
 */
#ifndef SYS_SIG_H
#define SYS_SIG_H

#include "base/attr.h"

/*
 * A descriptor that becomes readable when one of the listed signals (0
 * ends the list) is pending; they are blocked from now on.
 */
int sig_open(const int *signals, int *fd) MUST_CHECK;

/* The next pending signal, or 0. Never waits. */
int sig_next(int fd);

void sig_ignore(int number);
void sig_default(int number);

/* Keep a signal waiting until sig_unblock_all(). */
void sig_block(int number);

/* Unblock every signal: what a child owes to the program it executes. */
void sig_unblock_all(void);

#endif
