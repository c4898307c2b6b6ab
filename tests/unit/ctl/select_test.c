/*
 * select_test - which messages are meant
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* the modules live in a room, which is no library */
#include "../../../src/admin/ctl/args.c"
#include "../../../src/admin/ctl/glob.c"
#include "../../../src/admin/ctl/reader.c"
#include "../../../src/admin/ctl/say.c"
#include "../../../src/admin/ctl/select.c"
#include "../../../src/admin/ctl/when.c"
#include "base/num.h"
#include "sys/file.h"

enum { NOW = 1000000, AGE = 3600 };

/* A home with controls, where routes can be read. */
static int
enter(void **state)
{
	static char path[] = "/tmp/select_test.XXXXXX";

	*state = path;
	return mkdtemp(path) == NULL || chdir(path) < 0 ||
	       mkdir("control", 0755) < 0 ||
	       file_publish(FILE_CWD, "control/locals",
		   SPAN("local.test\nvirt.example\n"), 0644) < 0 ||
	       file_publish(FILE_CWD, "control/percenthack",
		   SPAN("local.test\n"), 0644) < 0 ||
	       file_publish(FILE_CWD, "control/virtualdomains",
		   SPAN("virtual.test:joe\n"), 0644) < 0 ||
	       file_publish(
		   FILE_CWD, "control/me", SPAN("local.test\n"), 0644) < 0;
}

static int
leave(void **state)
{
	(void)unlink("control/locals");
	(void)unlink("control/percenthack");
	(void)unlink("control/virtualdomains");
	(void)unlink("control/me");
	return rmdir("control") < 0 || chdir("/") < 0 || rmdir(*state) < 0;
}

/* An hour old, from s@from.test, held; the second recipient is done. */
#define RCPTS \
	"Ta@one.test\0" \
	"Tdone@two.test\0" \
	"Tb%hack.test@local.test\0" \
	"Tc@virtual.test\0" \
	"Tplain\0"

static void
make(struct message *m, struct reader *r)
{
	uint64_t id = (uint64_t)(NOW - AGE) * 1000000;

	*r = (struct reader){ .now = NOW, .routed = BUF_INIT(ROUTED_LIMIT) };
	assert_int_equal(routes_new(&r->routes), 0);
	m->env = (struct envelope){ .id = id,
		.sender = SPAN("s@from.test"),
		.rcpts = SPAN(RCPTS),
		.nrcpt = 5 };
	note_init(&m->note, id, m->env.nrcpt);
	note_set_done(&m->note, 1);
	m->note.is_held = true;
}

static void
test_match(void **state)
{
	static const struct {
		struct select select;
		bool fits;
	} rows[] = {
		{ { .is_all = true }, true },
		{ { .sender = "s@*" }, true },
		{ { .sender = "" }, false },
		{ { .sender = "a@*" }, false },
		{ { .recipient = "A@one.test" }, true },
		{ { .recipient = "a@two.test" }, false },
		/* who has got it is not meant */
		{ { .recipient = "done@*" }, false },
		{ { .domain = "two.test" }, false },
		{ { .domain = "*.test" }, true },
		/* as it was written, and as it is routed */
		{ { .domain = "hack.test" }, true },
		{ { .recipient = "b%*@local.test" }, true },
		{ { .recipient = "b@hack.test" }, true },
		{ { .recipient = "joe-c@virtual.test" }, true },
		{ { .recipient = "joe-*", .domain = "virtual.*" }, true },
		/* one and the same recipient must fit both */
		{ { .recipient = "a@*", .domain = "virtual.test" }, false },
		{ { .recipient = "plain" }, true },
		{ { .recipient = "plain@*", .domain = "local.test" }, true },
		{ { .older = "59m" }, true },
		{ { .older = "60m" }, true },
		{ { .older = "61m" }, false },
		{ { .newer = "59m" }, false },
		{ { .newer = "1h" }, true },
		{ { .older = "1m", .newer = "2h", .is_held = true }, true },
		{ { .older = "1m", .newer = "2h", .sender = "x" }, false },
	};
	char *none[] = { NULL };
	struct message m;
	struct reader r;

	(void)state;
	make(&m, &r);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct select s = rows[i].select;

		assert_true(select_is_any(&s));
		select_read(&s, "x", none);
		if (select_match(&s, &r, &m) != rows[i].fits)
			fail_msg("row %zu", i);
	}
	m.note.is_held = false;
	assert_false(select_match(
	    &(struct select){ .is_held = true, .max_age = INT64_MAX }, &r, &m));
	message_free(&m);
	reader_close(&r);
}

static void
test_words(void **state)
{
	char zero[] = "007", sender[] = "--sender=a=b", seven[] = "7",
	     held[] = "--held", newer[] = "--newer", age[] = "-5";
	char *words[] = { zero, sender, seven, held, newer, age, zero, NULL };
	const struct arg none = { NULL, NULL, NULL };
	struct arg args[SELECT_ARGS];
	struct select s = { .code = 0 };

	(void)state;
	assert_false(select_is_any(&s));
	select_args(&s, args);
	assert_int_equal(args_read("x", words, &none, args), 3);
	assert_string_equal(s.sender, "a=b");
	assert_string_equal(s.newer, "-5");
	assert_true(s.is_held);
	assert_false(s.is_all);
	s.newer = NULL;
	assert_null(words[3]);
	select_read(&s, "x", words);
	assert_int_equal(s.named.n, 1);
	assert_true(s.named.list[0] == 7);
	select_free(&s);
}

static void
test_ids(void **state)
{
	const uint64_t some[] = { 5, 2, 9, 2, 5, 5 };
	struct ids ids = { .n = 0 };
	const char *bytes = (const char *)some;

	(void)state;
	assert_int_equal(
	    ids_take(&ids, (struct span){ bytes, sizeof(some) }), 0);
	assert_int_equal(ids.n, 6);
	settle(&ids);
	assert_int_equal(ids.n, 3);
	assert_true(ids.list[0] == 2 && ids.list[1] == 5 && ids.list[2] == 9);
	assert_int_equal(ids_take(&ids, (struct span){ bytes, 9 }), E_SYNTAX);
	ids_free(&ids);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_ids),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
