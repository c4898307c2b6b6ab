/*
 * ascii_test - classes of all 256 bytes
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/ascii.h"

static bool
is_in(unsigned char c, const char *set)
{
	return c != '\0' && strchr(set, (char)c) != NULL;
}

static void
test_all_bytes(void **state)
{
	static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	static const char lower[] = "abcdefghijklmnopqrstuvwxyz";

	(void)state;
	for (int i = 0; i < 256; i++) {
		unsigned char c = (unsigned char)i;
		bool digit = is_in(c, "0123456789");
		bool alpha = is_in(c, upper) || is_in(c, lower);
		char want =
		    is_in(c, upper) ? lower[strchr(upper, i) - upper] : (char)c;

		if (ascii_is_digit(c) != digit || ascii_is_alpha(c) != alpha ||
		    ascii_is_alnum(c) != (digit || alpha) ||
		    ascii_is_print(c) != (c > 31 && c < 127) ||
		    ascii_lower(c) != want)
			fail_msg("byte %d", i);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
