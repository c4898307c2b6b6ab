/*
 * limits - what a stranger can make qmail-qmtpd do, at most
 *
 * Beside these: 200,000,000 bytes in a netstring, 20 minutes in a wait, an
 * hour in all (serve/netin.h).
 */
#ifndef QMTPD_LIMITS_H
#define QMTPD_LIMITS_H

enum {
	/* the recipients of a message, as they are sent; and those we take */
	RECIPIENTS_BYTES = 4 * 1024 * 1024,
	RECIPIENTS_MAX = 50000
};

#endif
