/*
 * make-deferred - fill queue/ with messages that failed once
 *
 * make-deferred COUNT DUE [DOMAINS]: in the current directory, without any
 * sync; each is due at DUE (seconds since 1970), for one recipient in one
 * of so many domains, farN.example.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "queue/envelope.h"
#include "queue/hash.h"
#include "queue/note.h"

enum { SPLIT = 23, FIRST = 1700000000 };

static void
put(const char *kind, uint64_t id, struct span content)
{
	char path[100];
	int fd;

	(void)snprintf(path, sizeof(path), "queue/%s/%d/%llu", kind,
	    (int)(id % SPLIT), (unsigned long long)id);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0640);
	if (fd < 0 || write(fd, content.p, content.len) != (ssize_t)content.len)
		exit(1);
	(void)close(fd);
}

int
main(int argc, char **argv)
{
	long count = argc >= 3 ? strtol(argv[1], NULL, 10) : 0;
	long due = argc >= 3 ? strtol(argv[2], NULL, 10) : 0;
	long domains = argc >= 4 ? strtol(argv[3], NULL, 10) : 1;
	struct buf file = BUF_INIT(100000), rcpts = BUF_INIT(1000);
	struct note n;

	for (long i = 0; i < count; i++) {
		struct envelope e = { .id = FIRST * UINT64_C(1000000) +
					    (uint64_t)i * 7919,
			.node = SPAN("test"),
			.size = 5,
			.hash = hash_of(SPAN("mail\n")),
			.sender = SPAN("sender@elsewhere.example"),
			.nrcpt = 1 };

		buf_reset(&rcpts);
		buf_puts(&rcpts, "Trecipient@far");
		buf_putu(&rcpts, (uintmax_t)(i % domains));
		buf_put(&rcpts, SPAN(".example\0"));
		e.rcpts = buf_span(&rcpts);
		put("mess", e.id, SPAN("mail\n"));
		buf_reset(&file);
		envelope_seal(&file, &e);
		put("todo", e.id, buf_span(&file));
		note_init(&n, e.id, 1);
		n.attempts = 1;
		n.next[CHANNEL_REMOTE] = due;
		buf_reset(&file);
		note_seal(&file, &n);
		put("info", e.id, buf_span(&file));
		note_free(&n);
	}
	buf_free(&file);
	buf_free(&rcpts);
	return 0;
}
