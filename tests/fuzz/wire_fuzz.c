/*
 * wire_fuzz - frames of any bytes: jobs and results of the spawners
 *
 * What is taken can be written, and is then the same to the byte, as far
 * as it was understood.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/err.h"
#include "queue/job.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct buf *b, int (*get)(struct frame *, void *), void *out)
{
	struct span in = buf_span(b);
	struct frame f;

	if (wire_next(&in, RESULT_FRAME_MAX, &f) == 0 &&
	    (get(&f, out) != 0 || in.len != 0))
		abort();
}

static int
get_job(struct frame *f, void *out)
{
	return job_get(f, out);
}

static int
get_result(struct frame *f, void *out)
{
	return result_get(f, out);
}

static void
try_frame(struct frame *f)
{
	static struct job job;
	static struct result result;
	struct buf b = BUF_INIT(4 * RESULT_FRAME_MAX);
	struct frame copy = *f;

	if (job_get(f, &job) == 0) {
		if (job.nrcpt == 0 || job.nrcpt > JOB_RCPTS_MAX)
			abort();
		job_put(&b, &job);
		check(&b, get_job, &job);
	}
	buf_reset(&b);
	if (result_get(&copy, &result) == 0) {
		if (result.n > JOB_RCPTS_MAX)
			abort();
		result_put(&b, &result);
		check(&b, get_result, &result);
	}
	buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { (const char *)data, size };
	struct frame f;
	int r;

	for (;;) {
		size_t had = in.len;

		r = wire_next(&in, RESULT_FRAME_MAX, &f);
		if (r < 0)
			break;
		if (in.len >= had)
			abort();
		try_frame(&f);
	}
	if (r != E_EOF && r != E_SYNTAX && r != E_TOOBIG)
		abort();
	return 0;
}
