/*
 * limits - what a stranger can make qmail-smtpd do, at most
 */
#ifndef SMTPD_LIMITS_H
#define SMTPD_LIMITS_H

enum {
	/* a command, its CR LF included; RFC 5321 4.5.3.1.4 asks for 512,
	 * DSN and AUTH parameters for 1,000 more */
	COMMAND_MAX = 4096,
	/* a longer one is skipped, but not for ever */
	COMMAND_SKIP_MAX = 64 * 1024,
	/* RFC 5321 4.5.3.1.8 asks for 100 */
	RECIPIENTS_MAX = 1000,
	/* one address with what RELAYCLIENT or localiphost adds */
	ADDRESS_BYTES = 64 * 1024,
	ENVELOPE_BYTES = 4 * 1024 * 1024,
	/* Received or Delivered-To fields, from here on it is a loop */
	HOPS_MAX = 100,
	/* before the session is ended; the counts start over with each
	 * accepted message */
	BAD_COMMANDS_MAX = 10,
	BAD_RECIPIENTS_MAX = 20,
	IDLE_COMMANDS_MAX = 50, /* NOOP, VRFY, HELP, RSET, HELO, MAIL */
	/* a message may take timeoutsmtpd, and a second more for so many
	 * bytes of it */
	DATA_BYTES_PER_S = 256,
	REPLIES_MAX = 128 * 1024, /* gathered before they are written */
	TIMEOUT_S = 1200,         /* control/timeoutsmtpd */
	TIMEOUT_S_MAX = 7 * 24 * 3600
};

#endif
