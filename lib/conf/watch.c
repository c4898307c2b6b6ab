/*
 * watch - whether files in control/ have changed: see watch.h
 */
#include "conf/watch.h"

#include <stdlib.h>

int
watch_begin(struct watch *w, const char *const *paths, size_t n)
{
	int r;

	if (n > WATCH_MAX)
		abort();
	w->paths = paths;
	w->n = n;
	r = file_stamp(FILE_CWD, "control", &w->folder);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = file_stamp(FILE_CWD, paths[i], &w->files[i]);
	return r;
}

/*
 * Appearing and vanishing change the folder, so that files which are not
 * there need not be asked for.
 */
bool
watch_has_changed(const struct watch *w)
{
	static const struct file_stamp absent;
	struct file_stamp now;

	if (file_stamp(FILE_CWD, "control", &now) < 0 ||
	    !file_stamp_eq(&now, &w->folder))
		return true;
	for (size_t i = 0; i < w->n; i++) {
		if (file_stamp_eq(&w->files[i], &absent))
			continue;
		if (file_stamp(FILE_CWD, w->paths[i], &now) < 0 ||
		    !file_stamp_eq(&now, &w->files[i]))
			return true;
	}
	return false;
}
