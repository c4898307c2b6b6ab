/*
 * note_fuzz - notes of any bytes, with a fitting seal
 *
 * What is read can be written, and says the same when it is read again.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/err.h"
#include "queue/note.h"
#include "queue/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX = 1024 * 1024, ID = 17 };

static void
compare(const struct note *a, const struct note *b)
{
	struct span x, y;

	if (a->nrcpt != b->nrcpt || a->attempts != b->attempts ||
	    a->is_held != b->is_held || a->is_warned != b->is_warned ||
	    !span_eq(buf_span(&a->done), buf_span(&b->done)) ||
	    !span_eq(buf_span(&a->bounce), buf_span(&b->bounce)))
		abort();
	for (uint32_t i = 0; i < 8; i++)
		if (note_why(a, i, &x) != note_why(b, i, &y) ||
		    (note_why(a, i, &x) && !span_eq(x, y)))
			abort();
}

static void
write_again(const struct note *n)
{
	struct buf b = BUF_INIT(4 * MAX);
	struct note again;

	note_init(&again, ID, 0);
	note_seal(&b, n);
	if (note_open(buf_span(&b), &again) != 0)
		abort();
	compare(n, &again);
	note_free(&again);
	buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf b = BUF_INIT(2 * MAX);
	struct note n;

	if (size > MAX)
		return 0;
	note_init(&n, ID, 0);
	buf_put(&b, (struct span){ (const char *)data, size });
	record_seal(&b);
	if (note_open(buf_span(&b), &n) == 0) {
		n.id = ID;
		write_again(&n);
		note_set_why(&n, 3, SPAN("x\ny"));
		note_set_why(&n, 1, SPAN(""));
		note_set_done(&n, 5);
		write_again(&n);
	}
	note_free(&n);
	buf_free(&b);
	return 0;
}
