/*
 * classic - the small files of a classic queue, read: see classic.h
 */
#include "classic.h"

#include "base/err.h"
#include "base/num.h"
#include "queue/envelope.h"

/* The next record. E_EOF when it does not end; it may have no letter. */
static int
next_record(struct span *rest, char *letter, struct span *text)
{
	struct span record;

	if (!span_field(rest, &record))
		return E_EOF;
	*letter = '\0';
	if (record.len > 0)
		*letter = record.p[0];
	*text = span_tail(record, 1);
	return 0;
}

/* As qmail-send reads it: the digits there are. */
static uint64_t
number(struct span text)
{
	uint64_t n = 0;

	return num_prefix(text, UINT64_MAX, &n) == 0 ? n : 0;
}

/* Read a file whose records may have these letters; one F is needed. */
static int
read_head(struct span rest, const char *letters, struct classic_head *out)
{
	bool has_sender = false;
	struct span text;
	char letter;

	*out = (struct classic_head){ .sender = SPAN("") };
	while (rest.len > 0) {
		int r = next_record(&rest, &letter, &text);

		if (r < 0)
			return r;
		if (span_find(span_cstr(letters), letter) == strlen(letters) ||
		    (letter == 'F' && has_sender))
			return E_SYNTAX;
		if (letter == 'u')
			out->uid = number(text);
		if (letter == 'p')
			out->pid = number(text);
		if (letter != 'F')
			continue;
		out->sender = text;
		has_sender = true;
	}
	if (!has_sender)
		return E_ABSENT;
	return out->sender.len > ADDRESS_MAX ? E_TOOBIG : 0;
}

int
classic_todo(struct span file, struct classic_head *out)
{
	return read_head(file, "upFT", out);
}

int
classic_info(struct span file, struct classic_head *out)
{
	return read_head(file, "F", out);
}

int
classic_channel(struct span file)
{
	struct span text;
	char letter;

	while (file.len > 0) {
		int r = next_record(&file, &letter, &text);

		if (r < 0)
			return r;
		if (letter != 'T' && letter != 'D')
			return E_SYNTAX;
	}
	return 0;
}

bool
classic_rcpt(struct span *rest, uint64_t *at, struct span *addr)
{
	char letter;

	while (rest->len > 0 && next_record(rest, &letter, addr) == 0) {
		++*at;
		if (letter == 'T')
			return true;
	}
	return false;
}

const char *
classic_text(int r)
{
	switch (r) {
	case E_EOF:
		return "its last record does not end";
	case E_SYNTAX:
		return "a record has a wrong letter";
	case E_ABSENT:
		return "it names no sender";
	case E_TOOBIG:
		return "its sender is too long";
	default:
		return err_text(r);
	}
}
