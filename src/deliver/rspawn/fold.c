/*
 * fold - from a classic report to one verdict: see fold.h
 */
#include "fold.h"

#include <stdbool.h>

#include "sys/prog.h"

static bool
is_verdict(struct span report)
{
	return report.len > 0 &&
	       (report.p[0] == 'K' || report.p[0] == 'Z' || report.p[0] == 'D');
}

/* The verdict on the message: the first complete report that is one. */
static char
find_verdict(struct span output)
{
	struct span report;

	while (span_field(&output, &report))
		if (is_verdict(report))
			return report.p[0];
	return 'D';
}

/* D is worse than Z is worse than K. */
static int
rank(char letter)
{
	if (letter == 'K')
		return 2;
	return letter == 'Z' ? 1 : 0;
}

static char
parse(struct span output, struct buf *text)
{
	char message = find_verdict(output);
	char letter = message;
	size_t end = span_find(output, '\0');
	struct span second = span_tail(output, end + 1);

	if (output.p[0] == 's')
		letter = 'Z';
	if (output.p[0] == 'h')
		letter = 'D';
	buf_put(text, span_tail(span_head(output, end), 1));
	if (rank(message) <= rank(letter) && is_verdict(second)) {
		second = span_head(second, span_find(second, '\0'));
		buf_put(text, span_tail(second, 1));
	}
	return letter;
}

char
fold_report(const struct proc_end *end, struct span output, struct buf *text)
{
	if (end->how == PROC_KILLED) {
		buf_puts(text, "qmail-remote crashed.\n");
		return 'Z';
	}
	if (end->value != 0) {
		buf_puts(text, "Unable to run qmail-remote.\n");
		return end->value == EX_SOFT ? 'Z' : 'D';
	}
	if (output.len == 0) {
		buf_puts(text, "qmail-remote produced no output.\n");
		return 'Z';
	}
	return parse(output, text);
}
