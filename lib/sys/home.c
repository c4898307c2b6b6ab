/*
 * home - where this qmail lives: see home.h
 */
#include "sys/home.h"

#include <unistd.h>

#include "base/err.h"
#include "sys/env.h"

const char *
home_path(void)
{
	const char *home = env_get("QMAILHOME");

	return home != NULL && home[0] == '/' ? home : QH;
}

int
home_enter(void)
{
	return chdir(home_path()) < 0 ? err_sys() : 0;
}
