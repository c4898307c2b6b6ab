/*
 * dotfile - what qmail-local thinks of a home and of a .qmail file
 *
 * Contract local.md 1.2, 1.3. Everything is that of the current directory,
 * which is the home, and as the user whose it is: links are followed.
 */
#ifndef CONF_DOTFILE_H
#define CONF_DOTFILE_H

#include <stdbool.h>

/* Of a home: the first that is true. */
enum dotfile_home {
	HOME_TROUBLE,  /* it cannot be looked at */
	HOME_WRITABLE, /* everybody could put a .qmail file there: not used */
	HOME_STICKY,   /* its user is editing: later */
	HOME_GOOD
};

/* r: why it cannot be looked at. */
enum dotfile_home dotfile_home(int *r);

enum dotfile_state {
	DOTFILE_ABSENT,   /* the next name is tried; so it is with */
	DOTFILE_NOFILE,   /* a folder or a FIFO */
	DOTFILE_TROUBLE,  /* it cannot be told what is there: later */
	DOTFILE_WRITABLE, /* for everybody: later */
	DOTFILE_GOOD
};

struct dotfile {
	enum dotfile_state state;
	int fd;            /* open if it is good, else -1 */
	int r;             /* why it is absent, or the trouble */
	bool forward_only; /* its x bit is set */
};

/* Open the file with this name. The caller closes fd. */
void dotfile_open(const char *name, struct dotfile *out);

#endif
