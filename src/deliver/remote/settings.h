/*
 * settings - the control files of qmail-remote
 *
 * Read at the first use and again when one of them changed.
 */
#ifndef REMOTE_SETTINGS_H
#define REMOTE_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/map.h"
#include "sys/file.h"

enum settings_file {
	SET_ME,
	SET_HELOHOST,
	SET_SMTPROUTES,
	SET_TIMEOUTCONNECT,
	SET_TIMEOUTREMOTE,
	SET_EIGHTBIT,
	SET_FILES
};

struct settings {
	bool is_read;
	struct file_stamp stamp[SET_FILES];
	struct buf helohost;
	struct map *routes; /* NULL: none */
	int64_t connect_ms, timeout_ms;
	bool bounces_8bit; /* control/eightbit is "bounce" */
};

#define SETTINGS_INIT ((struct settings){ .helohost = BUF_INIT(1024) })

/*
 * Read what is not read or has changed; *changed says whether anything
 * had. After a failure the next call tries again.
 */
int settings_refresh(struct settings *s, bool *changed) MUST_CHECK;
void settings_free(struct settings *s);

#endif
