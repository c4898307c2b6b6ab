"""Recordings of systems that are wrong, made from those of ours: the harness
has to see it."""


def unsynced(events):
    """Nothing is ever synced."""
    return [e for e in events if e[0] not in ("begin", "end")]


def nameless(events):
    """Files are synced, the folders with their names are not."""
    files, covered, spoilt = set(), {}, []
    for e in events:
        if e[0] in ("write", "size"):
            files.add(e[1])
        if e[0] == "begin":
            kind, *which = e[2]
            covered[e[1]] = {"all": sorted(files), "file": which, "folder": []}[kind]
            spoilt += [("begin", (e[1], ino), ("file", ino)) for ino in covered[e[1]]]
        elif e[0] == "end":
            spoilt += [("end", (e[1], ino)) for ino in covered[e[1]]]
        else:
            spoilt.append(e)
    return spoilt


def hasty(events):
    """Clients are answered as soon as their envelope has its name."""
    promises = {e[1].id: e for e in events if e[0] == "taken"}
    spoilt = []
    for e in events:
        if e[0] != "taken":
            spoilt.append(e)
        if e[0] == "names" and e[1].startswith("todo/"):
            spoilt += [promises[int(name)] for name, ino in e[2].items()
                       if ino is not None and name.isdigit()]
    return spoilt


def backwards(events):
    """The message is removed in front of its envelope."""
    ends = {}
    for e in events:
        if e[0] == "names" and e[1].startswith("mess/") and None in e[2].values():
            ends.update((name, e) for name in e[2])
    spoilt = []
    for e in events:
        if e[0] == "names" and e[1].startswith("todo/") and None in e[2].values():
            spoilt += [ends[name] for name in e[2]]
        if e not in ends.values():
            spoilt.append(e)
    return spoilt
