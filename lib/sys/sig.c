/*
 * sig - signals as events: see sig.h
 */
#include "sys/sig.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/err.h"

int
sig_open(const int *signals, int *fd)
{
	sigset_t set;
	int got;

	(void)sigemptyset(&set);
	for (; *signals != 0; signals++)
		(void)sigaddset(&set, *signals);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_sys();
	got = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (got < 0)
		return err_sys();
	*fd = got;
	return 0;
}

int
sig_next(int fd)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return 0;
	return (int)info.ssi_signo;
}

void
sig_ignore(int number)
{
	(void)signal(number, SIG_IGN);
}

void
sig_default(int number)
{
	(void)signal(number, SIG_DFL);
}

void
sig_block(int number)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, number);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
}

void
sig_unblock_all(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigprocmask(SIG_SETMASK, &set, NULL);
}
