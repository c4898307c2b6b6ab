/*
 * err - the one way a function reports failure: see err.h
 */
#include "base/err.h"

#include <errno.h>
#include <stddef.h>

int
err_of(int errnum)
{
	return errnum == ENOMEM ? E_NOMEM : E_SYSBASE - errnum;
}

int
err_sys(void)
{
	return err_of(errno);
}

bool
err_is(int r, int errnum)
{
	return r == err_of(errnum);
}

/* Contract local.md Appendix A: the words, and what passes by itself. */
static const struct {
	int errnum;
	const char *text;
	bool is_temporary;
} known[] = {
	{ ENOENT, "file does not exist", false },
	{ EACCES, "access denied", false },
	{ EPERM, "permission denied", false },
	{ EEXIST, "file already exists", false },
	{ EISDIR, "is a directory", false },
	{ ENOTDIR, "not a directory", false },
	{ ENOSPC, "out of disk space", true },
	{ EDQUOT, "disk quota exceeded", true },
	{ EROFS, "read-only file system", false },
	{ EIO, "input/output error", true },
	{ EINTR, "interrupted system call", true },
	{ EAGAIN, "temporary failure", true },
	{ EPIPE, "broken pipe", false },
	{ ESPIPE, "unseekable descriptor", false },
	{ EINVAL, "invalid argument", false },
	{ ENXIO, "device not configured", false },
	{ ELOOP, "symbolic link loop", false },
	{ ENAMETOOLONG, "file name too long", false },
	{ ETXTBSY, "text busy", true },
	{ ENOEXEC, "exec format error", false },
	{ E2BIG, "argument list too long", false },
	{ EXDEV, "cross-device link", false },
	{ EMLINK, "too many links", false },
	{ ENFILE, "system cannot open more files", true },
	{ EMFILE, "process cannot open more files", true },
	{ EBADF, "file descriptor not open", false },
	{ ECHILD, "no child processes", false },
	{ ESRCH, "no such process", false },
	{ EBUSY, "device busy", true },
	{ EDEADLK, "operation would cause deadlock", true },
	{ ESTALE, "stale NFS file handle", true },
	{ ENOLCK, "no locks available", true },
	{ EFBIG, "file too big", true },
	{ ETIMEDOUT, "timed out", true },
	{ ECONNREFUSED, "connection refused", true },
	{ ECONNRESET, "connection reset", true },
	{ ECONNABORTED, "connection aborted", true },
	{ EHOSTUNREACH, "host unreachable", true },
	{ EHOSTDOWN, "host down", true },
	{ ENETUNREACH, "network unreachable", true },
	{ ENETDOWN, "network down", true },
	{ ENETRESET, "network reset", true },
	{ EADDRINUSE, "address already in use", false },
	{ EADDRNOTAVAIL, "address not available", false },
	{ ENOTSOCK, "not a socket", false },
	{ ENOBUFS, "out of buffer space", true },
	{ ETOOMANYREFS, "too many references", true },
	{ EUSERS, "too many users", true },
};

enum { KNOWN = sizeof(known) / sizeof(*known) };

enum err_class
err_class(int r)
{
	if (r <= E_SYSBASE) {
		for (size_t i = 0; i < KNOWN; i++)
			if (known[i].errnum == E_SYSBASE - r)
				return known[i].is_temporary ? ERR_TEMP
							     : ERR_PERM;
		return ERR_PERM;
	}
	switch (r) {
	case E_TOOBIG:
	case E_SYNTAX:
	case E_NUL:
	case E_ABSENT:
		return ERR_PERM;
	default:
		return ERR_TEMP;
	}
}

const char *
err_text(int r)
{
	if (r <= E_SYSBASE) {
		for (size_t i = 0; i < KNOWN; i++)
			if (known[i].errnum == E_SYSBASE - r)
				return known[i].text;
		return "unknown error";
	}
	switch (r) {
	case 0:
		return "no error";
	case E_NOMEM:
		return "out of memory";
	case E_TOOBIG:
		return "too big";
	case E_SYNTAX:
		return "syntax error";
	case E_NUL:
		return "null byte inside";
	case E_EOF:
		return "unexpected end of file";
	case E_TIMEOUT:
		return "timed out";
	case E_DAMAGED:
		return "damaged";
	case E_ABSENT:
		return "file does not exist";
	case E_BUSY:
		return "already in use";
	default:
		return "unknown error";
	}
}
