/*
 * answer_fuzz - whatever the DNS answers
 */
/* a room has no library: its file is taken whole */
#include "../../src/deliver/remote/answer.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mx_set set;
	size_t i;

	if (answer_mx(data, size, &set) < 0)
		return 0;
	if (set.n > LIMIT_MX || (set.n == 0) != set.is_null)
		abort();
	answer_sort(&set);
	for (i = 0; i < set.n; i++) {
		if (strnlen(set.mx[i].name, ANSWER_NAME) == ANSWER_NAME)
			abort();
		(void)answer_is_name(set.mx[i].name);
		if (i > 0 && set.mx[i - 1].preference > set.mx[i].preference)
			abort();
	}
	return 0;
}
