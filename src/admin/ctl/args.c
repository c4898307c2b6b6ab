/*
 * args - options and operands of a verb: see args.h
 */
#include "args.h"

#include <string.h>

#include "base/span.h"
#include "say.h"
#include "sys/prog.h"

/* The option a word is, and what follows its "=", or NULL. */
static const struct arg *
find(const struct arg *list, const char *word, const char **value)
{
	struct span s = span_cstr(word);
	size_t equals = span_find(s, '=');

	*value = equals < s.len ? word + equals + 1 : NULL;
	for (; list != NULL && list->name != NULL; list++)
		if (span_eq(span_head(s, equals), span_cstr(list->name)) &&
		    (list->text != NULL || *value == NULL))
			return list;
	return NULL;
}

size_t
args_read(const char *verb, char **words, const struct arg *list,
    const struct arg *more)
{
	size_t n = 0;

	for (char **at = words; *at != NULL; at++) {
		const char *value;
		const struct arg *arg;

		if ((*at)[0] != '-') {
			words[n++] = *at;
			continue;
		}
		arg = find(list, *at, &value);
		if (arg == NULL)
			arg = find(more, *at, &value);
		if (arg == NULL)
			say_die(EX_HARD,
			    PARTS(verb, ": unknown argument ", *at), 0);
		if (arg->flag != NULL) {
			*arg->flag = true;
			continue;
		}
		if (value == NULL)
			value = *++at;
		if (value == NULL)
			say_die(EX_HARD,
			    PARTS(verb, ": ", arg->name, " wants a value"), 0);
		*arg->text = value;
	}
	words[n] = NULL;
	return n;
}
