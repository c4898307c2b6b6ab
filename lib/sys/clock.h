/*
 * clock - the two clocks: one for deadlines, one for people
 */
#ifndef SYS_CLOCK_H
#define SYS_CLOCK_H

#include <stdint.h>

/* Milliseconds of a clock nobody can set: for deadlines and timers. */
int64_t clock_ms(void);

/* Microseconds, and seconds, since 1970: for IDs, dates and logs. */
uint64_t clock_real_us(void);
int64_t clock_real(void);

#endif
