/*
 * report - what the end of a delivery means: see report.h
 */
#include "report.h"

#include <stddef.h>

enum { CUT_TO = 2997 }; /* with the words that say so */

static const struct {
	uint32_t code;
	char letter;
	const char *text; /* NULL: the output */
} meanings[] = {
	{ 0, 'K', NULL },
	{ 71, 'Z', NULL },
	{ 74, 'Z', NULL },
	{ 75, 'Z', NULL },
	{ 111, 'Z', NULL },
	{ 112, 'Z', "Internal qmail-lspawn bug.\n" },
	{ 113, 'Z', "Not allowed to perform deliveries as root.\n" },
	{ 115, 'Z', "NFS failure in qmail-local.\n" },
	{ 116, 'Z', "Unable to find alias user!\n" },
	{ 117, 'Z', "Trouble reading users/cdb in qmail-lspawn.\n" },
	{ 118, 'Z', "Temporary failure in qmail-lspawn.\n" },
	{ 119, 'Z', "Out of memory in qmail-lspawn.\n" },
	{ 120, 'Z', "Unable to run qmail-local.\n" },
	{ 121, 'Z', "Unable to run qmail-getpw.\n" },
	{ 126, 'D', "Unable to run qmail-local.\n" },
};

char
report(uint32_t code, struct span output, struct buf *text)
{
	const struct span cut = SPAN("\nError report too long, sorry.\n");
	struct span said = span_head(output, span_find(output, '\0'));
	char letter = 'D';

	buf_reset(text);
	if (code >= LOCAL_CRASHED) {
		buf_puts(text, "qmail-local crashed.\n");
		return 'Z';
	}
	for (size_t i = 0; i < sizeof(meanings) / sizeof(*meanings); i++) {
		if (meanings[i].code != code)
			continue;
		letter = meanings[i].letter;
		if (meanings[i].text != NULL)
			said = span_cstr(meanings[i].text);
	}
	if (said.len > REPORT_MAX) {
		buf_put(text, span_head(said, CUT_TO - cut.len));
		said = cut;
	}
	buf_put(text, said);
	return letter;
}
