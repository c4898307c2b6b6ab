/*
 * utmplib - lets a program see $TEST_UTMP as the list of who is logged in
 *
 * Preloaded into qbiff. Not part of the product.
 */
#include <stdlib.h>
#include <utmp.h>

__attribute__((constructor)) static void
attach(void)
{
	const char *file = getenv("TEST_UTMP");

	if (file != NULL)
		(void)utmpname(file);
}
