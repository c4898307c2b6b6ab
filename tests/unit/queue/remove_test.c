/*
 * remove_test - what leaves the queue, in which order, and what is swept
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "queue/store-private.h"

enum { ID = 1000000, DAY = 86400 };

static char top[] = "/tmp/remove_test.XXXXXX";

static const char *
path_of(const char *folder, uint64_t id, const char *suffix)
{
	static char path[256];

	(void)snprintf(path, sizeof(path), "queue/%s/%u/%llu%s", folder,
	    (unsigned int)(id % STORE_SPLIT), (unsigned long long)id, suffix);
	return path;
}

static void
make(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);

	assert_true(fd >= 0);
	(void)close(fd);
}

static bool
is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

/* As of a power loss two days ago. */
static void
make_old(const char *path)
{
	const struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };

	make(path);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static int
set_up(void **state)
{
	static const char *const kinds[] = { "mess", "todo", "info" };
	struct store *s;
	char path[64];

	(void)mkdir("queue", 0700);
	(void)mkdir("queue/quarantine", 0700);
	for (size_t k = 0; k < 3; k++) {
		(void)snprintf(path, sizeof(path), "queue/%s", kinds[k]);
		(void)mkdir(path, 0700);
		for (int n = 0; n < STORE_SPLIT; n++) {
			(void)snprintf(
			    path, sizeof(path), "queue/%s/%d", kinds[k], n);
			(void)mkdir(path, 0700);
		}
	}
	assert_int_equal(store_open(&s), 0);
	*state = s;
	return 0;
}

static int
tear_down(void **state)
{
	store_close((struct store **)state);
	return system("rm -r queue");
}

static void
test_message_follows_its_envelope(void **state)
{
	struct store *s = *state;

	make(path_of("todo", ID, ""));
	make(path_of("mess", ID, ""));
	assert_int_equal(store_remove(s, ID, STORE_TODO), 0);
	assert_int_equal(store_leave(s, ID), 0);
	assert_false(is_there(path_of("todo", ID, "")));
	assert_true(is_there(path_of("mess", ID, "")));
	assert_int_equal(store_clear(s), 0);
	assert_false(is_there(path_of("mess", ID, "")));
}

static void
test_many_leave(void **state)
{
	struct store *s = *state;

	for (uint64_t id = 0; id <= LEAVING_MAX; id++) {
		make(path_of("mess", id, ""));
		assert_int_equal(store_leave(s, id), 0);
	}
	assert_false(is_there(path_of("mess", 0, "")));
	assert_true(is_there(path_of("mess", LEAVING_MAX, "")));
	assert_int_equal(store_clear(s), 0);
	assert_false(is_there(path_of("mess", LEAVING_MAX, "")));
}

/* What cannot be synced keeps its messages. */
static void
test_sync_fails(void **state)
{
	struct store *s = *state;
	int folder;

	for (uint64_t id = ID; id < ID + 2; id++) {
		make(path_of("todo", id, ""));
		make(path_of("mess", id, ""));
		assert_int_equal(store_remove(s, id, STORE_TODO), 0);
		assert_int_equal(store_leave(s, id), 0);
	}
	folder = s->todo[ID % STORE_SPLIT];
	s->todo[ID % STORE_SPLIT] = -1;
	assert_true(store_clear(s) < 0);
	assert_true(is_there(path_of("mess", ID, "")));
	assert_false(is_there(path_of("mess", ID + 1, "")));
	s->todo[ID % STORE_SPLIT] = folder;
	assert_int_equal(store_clear(s), 0);
	assert_false(is_there(path_of("mess", ID, "")));
}

static void
test_sweep(void **state)
{
	struct store *s = *state;

	make_old(path_of("mess", ID, ""));
	make_old(path_of("mess", ID + 1, ""));
	make(path_of("todo", ID + 1, ""));
	make(path_of("mess", ID + 2, "")); /* imported just now */
	make_old(path_of("mess", 7, ".tmp"));
	make_old(path_of("todo", 7, ".tmp"));
	make(path_of("mess", 8, ".tmp"));
	make(path_of("todo", 8, ".tmp"));
	assert_int_equal(store_sweep(s, DAY), 0);
	assert_false(is_there(path_of("mess", ID, "")));
	assert_true(is_there(path_of("mess", ID + 1, "")));
	assert_true(is_there(path_of("mess", ID + 2, "")));
	assert_true(is_there(path_of("todo", ID + 1, "")));
	assert_false(is_there(path_of("mess", 7, ".tmp")));
	assert_false(is_there(path_of("todo", 7, ".tmp")));
	assert_true(is_there(path_of("mess", 8, ".tmp")));
	assert_true(is_there(path_of("todo", 8, ".tmp")));
}

static void
test_note_sweep(void **state)
{
	struct store *s = *state;

	make(path_of("todo", ID, ""));
	make(path_of("info", ID, ""));
	make(path_of("info", ID, ".tmp"));
	make(path_of("info", ID + 1, ""));
	make(path_of("info", ID + 2, ".tmp"));
	make(path_of("info", ID + 3, ""));
	make(path_of("mess", ID + 3, ""));
	make(path_of("info", ID + 4, ""));
	make_old(path_of("mess", ID + 4, ""));
	make("queue/info/0/stranger.tmp");
	assert_int_equal(store_note_sweep(s), 0);
	assert_true(is_there(path_of("info", ID, "")));
	assert_false(is_there(path_of("info", ID, ".tmp")));
	assert_false(is_there(path_of("info", ID + 1, "")));
	assert_false(is_there(path_of("info", ID + 2, ".tmp")));
	/* nobody is importing: their envelopes are gone for ever */
	assert_false(is_there(path_of("info", ID + 3, "")));
	assert_false(is_there(path_of("info", ID + 4, "")));
	assert_true(is_there("queue/info/0/stranger.tmp"));
}

/* Nothing in quarantine/ is replaced, nor does it keep damage in the queue. */
static void
test_quarantine_again(void **state)
{
	struct store *s = *state;

	for (int i = 0; i < 2; i++) {
		make(path_of("mess", ID, ""));
		make(path_of("todo", ID, ""));
		assert_int_equal(store_quarantine(s, ID, SPAN("why")), 0);
		assert_false(is_there(path_of("mess", ID, "")));
		assert_false(is_there(path_of("todo", ID, "")));
	}
	assert_true(is_there("queue/quarantine/1000000.mess"));
	assert_true(is_there("queue/quarantine/1000000.todo"));
	assert_int_equal(
	    system("test $(ls queue/quarantine | wc -l) -eq 5"), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_message_follows_its_envelope),
		TEST(test_many_leave),
		TEST(test_sync_fails),
		TEST(test_sweep),
		TEST(test_note_sweep),
		TEST(test_quarantine_again),
	};
	int failed;

	if (mkdtemp(top) == NULL || chdir(top) < 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	return rmdir(top) == 0 ? failed : 1;
}
