"""What strace saw, as events: operations on queue/, syncs, promises.

The events, in the order in which the kernel did them:

    ("write", ino, offset, data)      of a file, by whatever name
    ("size", ino, size)               it was truncated
    ("names", folder, {name: ino})    one operation on a folder; None: gone
    ("begin", sync, what)             what: ("file", ino), ("folder", folder)
    ("end", sync)                     or ("all",); only what was done before
                                      its begin is on disk at its end
    ("taken", Taken)                  a client is being told: accepted
    ("done", id, index, letter)       qmail-send has read a verdict
    ("snapshot", number)              the folder was looked at here

An operation stands where its call returned, the begin of a sync where its
call was made, and so does a promise. A call that is neither understood nor
known to be harmless ends it all: nothing is passed over.
"""
import re
from dataclasses import dataclass

from rig import JOB, RESULT, Reader, take_frame

TAKEN = 5
AT_SYMLINK_FOLLOW = 0x400
O_CREAT, O_TRUNC, O_APPEND, O_TMPFILE = 0o100, 0o1000, 0o2000, 0o20200000
MAP_SHARED, PROT_WRITE = 1, 2
RENAME_NOREPLACE = 1

FOLDER = re.compile(r"(mess|todo|info)(/\d+)?|quarantine")

# They change no file, or none that outlives a power loss.
HARMLESS = set("""
    accept access arch_prctl bind brk chdir clock_getres clock_gettime
    clock_nanosleep clone clone3 close_range connect epoll_create1 epoll_ctl
    epoll_pwait epoll_wait eventfd2 exit exit_group faccessat faccessat2
    fadvise64 fcntl flock fstat fstatfs futex getcwd getdents64 getegid
    geteuid getgid getgroups getpeername getpid getppid getrandom getrlimit
    getsockname getsockopt gettid gettimeofday getuid ioctl kill listen
    madvise mprotect mremap munmap nanosleep newfstatat pipe pipe2 poll ppoll
    prctl pread64 prlimit64 readlink readlinkat recvfrom recvmsg
    restart_syscall rseq rt_sigaction rt_sigpending rt_sigprocmask
    rt_sigreturn rt_sigtimedwait sched_getaffinity sched_yield select
    set_robust_list set_tid_address setsockopt shutdown sigaltstack signalfd4
    socket socketpair stat statfs statx sync_file_range sysinfo tgkill
    timerfd_create timerfd_settime umask uname vfork wait4 waitid
    """.split())


class NotUnderstood(Exception):
    """The recording has something that the model does not know."""


@dataclass
class Taken:
    """A message as its client handed it in, with the ID it got."""
    id: int
    sender: bytes
    rcpts: list
    message: bytes


def submission(data):
    """(sender, recipients, message) of a SUBMIT frame and what follows."""
    _, body, message = take_frame(data)
    r = Reader(body)
    size, envelope = r.u64(), r.bytes()
    sender, *records = envelope.split(b"\0")[:-2]
    if len(message) != size or sender[:1] != b"F":
        raise NotUnderstood("a message that is not whole was accepted")
    return sender[1:], [x[1:] for x in records if x[:1] == b"T"], message


# --- the words of strace -X raw -xx -y ---

def unhex(text):
    return bytes.fromhex(text.replace("\\x", ""))


def descriptor(arg):
    """(number, path) of 4<path>."""
    number, _, path = arg.partition("<")
    return int(number), unhex(path.partition(">")[0]).decode()


def data_of(arg):
    if arg[0] != '"' or arg[-1] != '"':
        raise NotUnderstood(f"not all of the bytes: {arg[-40:]}")
    return unhex(arg[1:-1])


def number_of(arg):
    return int(arg, 8) if re.fullmatch("0[0-7]+", arg) else int(arg, 0)


def calls(lines):
    """(pid, what, call, arguments, result): what is "enter", "leave" or,
    of a process, "over"."""
    begun = {}
    for line in lines:
        pid, _, rest = line.partition(" ")
        pid, rest = int(pid), rest.strip()
        if rest.startswith("+++"):
            if "killed" in rest and "SIGTERM" not in rest:
                raise NotUnderstood(line)
            yield pid, "over", "", [], ""
        if rest.startswith(("+++", "---")):
            continue
        is_begun = not rest.startswith("<...")
        is_over = not rest.endswith("<unfinished ...>")
        if not is_begun:
            rest = begun.pop(pid) + rest.partition(" resumed>")[2]
        if is_over:
            rest, result = re.fullmatch(r"(.*)\) += (.*)", rest).groups()
        else:
            rest = begun[pid] = rest.removesuffix(" <unfinished ...>")
        name, _, args = rest.partition("(")
        if is_begun:
            yield pid, "enter", name, args.split(", "), ""
        if is_over:
            yield pid, "leave", name, args.split(", "), result


class Tracer:
    def __init__(self, home, image=()):
        self.home, self.queue = str(home), f"{home}/queue/"
        self.events = []
        self.names, self.sizes = {}, []  # path in queue/ -> ino -> size
        self.open = {}  # (pid, fd) -> [ino, offset; None: at the end]
        self.opening = {}  # pid -> events before its call
        self.changing = {}  # pid -> paths its call is about to change
        self.syncing = {}  # pid -> the number of its sync
        self.syncs = 0
        self.heard = {}  # pid -> bytes read from its client
        self.send = None  # pid of qmail-send
        self.jobs = {}  # (fd, number) -> id
        self.pipes = {}  # fd -> part of a frame
        for content, paths in image:
            ino = self.new_inode(len(content))
            self.names.update((path, ino) for path in paths)

    def new_inode(self, size=0):
        self.sizes.append(size)
        return len(self.sizes) - 1

    def read(self, lines):
        nursery = None
        for pid, what, name, args, result in calls(lines):
            nursery = nursery or pid
            if pid == nursery:
                self.mark(what, name, args)
            elif what == "over":
                self.forget(pid)
            else:
                self.call(pid, what, name, args, result)
        return self.events

    def call(self, pid, what, name, args, result):
        known = getattr(self, f"{what}_{name}", None)
        if known is None:
            if name not in HARMLESS and not hasattr(self, f"leave_{name}"):
                raise NotUnderstood(f"{name} {args}")
        elif what == "enter":
            known(pid, *args)
        elif result[0] not in "-?":
            known(pid, result.partition(" ")[0], *args)
        if what == "leave":
            self.changing.pop(pid, None)

    def mark(self, what, name, args):
        """The nursery asks for a file that is not there."""
        if (what, name) == ("enter", "access"):
            path = data_of(args[0]).decode()
            if path.startswith("/snapshot/"):
                self.events.append(("snapshot", int(path[10:])))

    def forget(self, pid):
        for key in [key for key in self.open if key[0] == pid]:
            del self.open[key]

    # --- paths ---

    def inside(self, path):
        """The path below queue/, of what a power loss concerns; or None."""
        if not path.startswith(self.queue):
            return None
        path = path[len(self.queue):]
        # the pipe and the locks hold nothing
        return None if path.startswith("lock/") else path

    def path(self, at, arg):
        name = data_of(arg).decode()
        folder = descriptor(at)[1] if at else self.home  # where all programs work
        return self.inside(name if name[0] == "/" else f"{folder}/{name}")

    def leave_alone(self, at, arg):
        if self.path(at, arg) is not None:
            raise NotUnderstood(f"a change of {self.path(at, arg)}")

    def leave_chmod(self, pid, result, path, mode):
        self.leave_alone(None, path)

    def leave_fchmodat(self, pid, result, at, path, *mode):
        self.leave_alone(at, path)

    # --- files and their descriptors ---

    def enter_openat(self, pid, *args):
        self.opening[pid] = len(self.events)

    def is_unclear(self, pid, path):
        """Whether the name was changed while it was opened: then one cannot
        tell which file it was."""
        folder, _, name = path.rpartition("/")
        return any(path in paths for paths in self.changing.values()) or any(
            e[:2] == ("names", folder) and name in e[2] for e in self.events[self.opening[pid]:])

    def leave_openat(self, pid, result, at, path, flags, *mode):
        where, flags = self.path(at, path), number_of(flags)
        is_nameless = flags & O_TMPFILE == O_TMPFILE
        if where is None or (FOLDER.fullmatch(where.removesuffix("/.")) and not is_nameless):
            return
        ino = self.names.get(where)
        if not is_nameless and self.is_unclear(pid, where):
            if flags & (O_CREAT | O_TRUNC):
                raise NotUnderstood(f"two at once at {where}")
            ino = None
        elif ino is None:
            ino = self.new_inode()
            if not is_nameless:
                self.change(pid, (where, ino))
        if flags & O_TRUNC and self.sizes[ino] > 0:
            self.resize(ino, 0)
        self.open[pid, descriptor(result)[0]] = [ino, None if flags & O_APPEND else 0]

    def leave_close(self, pid, result, fd):
        self.open.pop((pid, descriptor(fd)[0]), None)

    def leave_dup2(self, pid, result, fd, *more):
        if (pid, descriptor(fd)[0]) in self.open:
            raise NotUnderstood("a second descriptor of a file of queue/")

    leave_dup = leave_dup3 = leave_dup2

    def file(self, pid, fd):
        """What is known of an open file; None: it is not of queue/."""
        number, path = descriptor(fd)
        known = self.open.get((pid, number))
        if known is None and self.inside(path):
            raise NotUnderstood(f"a file of unknown origin: {path}")
        if known and known[0] is None:
            raise NotUnderstood(f"two at once at {path}")
        return known

    def leave_mmap(self, pid, result, at, size, prot, flags, fd, offset):
        if number_of(flags) & MAP_SHARED and number_of(prot) & PROT_WRITE and fd[0] != "-":
            if self.file(pid, fd):
                raise NotUnderstood("a file of queue/ is written through memory")

    def leave_lseek(self, pid, result, fd, *more):
        known = self.open.get((pid, descriptor(fd)[0]))
        if known and known[1] is not None:
            known[1] = int(result)

    # --- content ---

    def resize(self, ino, size):
        self.sizes[ino] = size
        self.events.append(("size", ino, size))

    def store(self, ino, at, data):
        self.sizes[ino] = max(self.sizes[ino], at + len(data))
        self.events.append(("write", ino, at, data))

    def leave_write(self, pid, result, fd, data, size):
        data = data_of(data)[:int(result)]
        number = descriptor(fd)[0]
        if pid == self.send and number in (1, 3):
            self.frames(number, data, self.job)
            return
        file = self.file(pid, fd)
        if file and file[1] is None:
            self.store(file[0], self.sizes[file[0]], data)
        elif file:
            self.store(*file, data)
            file[1] += len(data)

    def leave_pwrite64(self, pid, result, fd, data, size, offset):
        file = self.file(pid, fd)
        if file:
            self.store(file[0], number_of(offset), data_of(data)[:int(result)])

    def leave_ftruncate(self, pid, result, fd, size):
        file = self.file(pid, fd)
        if file:
            self.resize(file[0], number_of(size))

    # --- names ---

    def change(self, pid, *changes):
        """One operation: (path, ino or None)..., all in one folder."""
        for path, ino in changes:
            if any(path in paths for other, paths in self.changing.items() if other != pid):
                raise NotUnderstood(f"two at once at {path}")
            self.names.pop(path, None)
            if ino is not None:
                self.names[path] = ino
        folder = changes[0][0].rpartition("/")[0]
        self.events.append(("names", folder, {path.rpartition("/")[2]: ino for path, ino in changes}))

    def enter_linkat(self, pid, from_at, old, to_at, new, flags):
        self.changing[pid] = {self.path(to_at, new)}

    def leave_linkat(self, pid, result, from_at, old, to_at, new, flags):
        where, old_path = self.path(to_at, new), data_of(old).decode()
        if where is None:
            return
        if old_path.startswith("/proc/self/fd/") and number_of(flags) == AT_SYMLINK_FOLLOW:
            ino = self.open[pid, int(old_path[14:])][0]
        else:
            ino = self.names[self.path(from_at, old)]
        self.change(pid, (where, ino))

    def enter_renameat2(self, pid, from_at, old, to_at, new, *flags):
        self.changing[pid] = {self.path(from_at, old), self.path(to_at, new)}

    def leave_renameat2(self, pid, result, from_at, old, to_at, new, flags="0"):
        was, now = self.path(from_at, old), self.path(to_at, new)
        if (was is None) != (now is None) or number_of(flags) not in (0, RENAME_NOREPLACE):
            raise NotUnderstood(f"{was} becomes {now}")
        if was is None:
            return
        ino = self.names[was]
        if was.rpartition("/")[0] == now.rpartition("/")[0]:
            self.change(pid, (now, ino), (was, None))
        else:
            # POSIX does not say that two folders change together
            self.change(pid, (now, ino))
            self.change(pid, (was, None))

    enter_renameat, leave_renameat = enter_renameat2, leave_renameat2

    def enter_unlinkat(self, pid, at, path, flags):
        self.changing[pid] = {self.path(at, path)}

    def leave_unlinkat(self, pid, result, at, path, flags):
        where = self.path(at, path)
        if where is not None:
            self.change(pid, (where, None))

    def leave_unlink(self, pid, result, path):
        self.leave_alone(None, path)

    # --- syncs ---

    def begin(self, pid, what):
        self.syncs += 1
        self.syncing[pid] = self.syncs
        self.events.append(("begin", self.syncs, what))

    def enter_fsync(self, pid, fd):
        number, path = descriptor(fd)
        path = self.inside(path)
        file = self.open.get((pid, number))
        if file is not None:
            if file[0] is not None:  # else nothing is sure to be on disk
                self.begin(pid, ("file", file[0]))
        elif path is not None:
            if not FOLDER.fullmatch(path):
                raise NotUnderstood(f"a file of unknown origin: {path}")
            self.begin(pid, ("folder", path))

    def leave_fsync(self, pid, result, fd):
        if pid in self.syncing:
            self.events.append(("end", self.syncing.pop(pid)))

    enter_fdatasync, leave_fdatasync = enter_fsync, leave_fsync

    def enter_syncfs(self, pid, fd):
        if f"{descriptor(fd)[1]}/" != self.queue:
            raise NotUnderstood("a sync of another file system")
        self.begin(pid, ("all",))

    leave_syncfs = leave_fsync

    # --- what was said ---

    def leave_execve(self, pid, result, path, *more):
        self.forget(pid)
        if data_of(path).endswith(b"/qmail-send"):
            self.send, self.jobs, self.pipes = pid, {}, {}

    def frames(self, number, data, fn):
        self.pipes[number] = self.pipes.get(number, b"") + data
        while (got := take_frame(self.pipes[number])) is not None:
            kind, body, self.pipes[number] = got
            fn(number, kind, Reader(body))

    def job(self, number, kind, r):
        if kind != JOB:
            raise NotUnderstood(f"a frame {kind} to a spawner")
        job = r.u32()
        self.jobs[number, job] = r.u64()

    def result(self, number, kind, r):
        if kind != RESULT:
            return  # HELLO
        ident = self.jobs[number - 1, r.u32()]
        for _ in range(r.u32()):
            index, letter = r.u32(), chr(r.u32())
            r.bytes()
            self.events.append(("done", ident, index, letter))

    def leave_read(self, pid, result, fd, data, size):
        number, path = descriptor(fd)
        if pid == self.send and number in (2, 4):
            self.frames(number, data_of(data), self.result)
        elif path.startswith("socket:"):
            self.heard[pid] = self.heard.get(pid, b"") + data_of(data)
        elif self.open.get((pid, number), [0, None])[1] is not None:
            self.open[pid, number][1] += int(result)

    def leave_accept4(self, pid, result, *more):
        self.heard[pid] = b""

    def enter_sendto(self, pid, fd, data, *more):
        got = take_frame(data_of(data))
        if got is None or got[0] != TAKEN:
            return
        r = Reader(got[1])
        code, ident = r.u32(), r.u64()
        if code == 0:
            self.events.append(("taken", Taken(ident, *submission(self.heard[pid]))))

    def leave_sendto(self, pid, result, *more):
        """What was said counts from the moment it was."""


def read(path, home, image=()):
    """The events of a recording in home, whose queue was as image says."""
    with open(path) as lines:
        return Tracer(home, image).read(lines)
