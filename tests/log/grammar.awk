# grammar - whether a file is a log of qmail-send, from its beginning
#
# Usage: LC_ALL=C awk -f grammar.awk LOG
#
# Every line must be one of those in contract queue.md 7, or one that only
# Facteur writes (see the end), with or without the time of multilog or
# splogger in front. Messages and deliveries are matched by their numbers, as
# qmailanalog's matchup does. What is no such line, or does not follow from
# those before it, is named on stderr; the exit code is then 1.
#
# On stdout, each with its fields as the log has them:
#   d RESULT CHANNEL RECIPIENT <SENDER> TEXT   a delivery ended
#   m BYTES SUCCESSES FAILURES DEFERRALS <SENDER> UID   a message ended
#   left N M      what did not end: messages, deliveries

BEGIN {
	number = "[1-9][0-9]*"
	amount = "(0|" number ")"
	safe = "[!-$&-~]*"             # no blank, no %, nothing 8-bit
	words = "[ -~]+"               # reasons, ours
	split_file = "(mess|todo|info|local|remote)/" amount "/" number
	file = "(" split_file "|(todo|bounce|foop)/" number ")"
	folder = "(todo|(mess|info|local|remote)(/" amount ")?)"
	later = "; will try again later"
	fresh = 1                      # no line of this process yet
}

function complain(why) {
	print FILENAME ":" FNR ": " why ": " $0 | "cat 1>&2"
	wrong = 1
}

# Whether the line is this and nothing else.
function is(form) {
	return line ~ "^" form "$"
}

# The message must have been announced, and not have ended.
function need(n) {
	if (n in sender)
		return 1
	complain("no such message")
	return 0
}

# A process has ended: the next counts deliveries anew, and may announce
# again what was never noted as begun.
function restart(    n) {
	if (outstanding > 0 && !dying)
		complain("exit with deliveries under way")
	for (n in sender)
		again[n] = 1
	for (n in message)
		delete message[n]
	for (n in running)
		delete running[n]
	last = outstanding = busy["local"] = busy["remote"] = dying = 0
	fresh = 1
}

function start(k, n, channel, rcpt) {
	if (k != last + 1)
		complain("the next delivery is " last + 1)
	last = k
	if (!need(n))
		return
	if (!(n in bytes))
		complain("no info before it")
	message[k] = n
	way[k] = channel
	to[k] = rcpt
	running[n]++
	outstanding++
	busy[channel]++
	if (late[n, channel, rcpt] > 0) {
		late[n, channel, rcpt]--
		waiting[n]--
	}
	must_status = 1
}

function finish(k, result, text,    n) {
	if (!(k in message)) {
		complain("no such delivery")
		return
	}
	n = message[k]
	delete message[k]
	running[n]--
	outstanding--
	busy[way[k]]--
	count[n, result]++
	if (result == "deferral") {
		late[n, way[k], to[k]]++
		waiting[n]++
	}
	print "d " result " " way[k] " " to[k] " " sender[n] " " text
	must_status = 1
}

# Failures were told to somebody, or to nobody on purpose.
function tell(n) {
	if (!need(n))
		return
	if (running[n] > 0)
		complain("a delivery is under way")
	if (!count[n, "failure"] && !(n in excused))
		complain("nothing has failed")
	if (n in told)
		complain("told already")
	told[n] = 1
}

function forget(n) {
	delete sender[n]
	delete bytes[n]
	delete running[n]
	delete waiting[n]
	delete told[n]
	delete excused[n]
	delete again[n]
}

function end_message(n) {
	if (!need(n))
		return
	if (!(n in bytes))
		complain("no info before it")
	if (running[n] > 0)
		complain("a delivery is under way")
	if (waiting[n] > 0 && !(n in excused))
		complain("a recipient is waiting")
	if (count[n, "failure"] && !(n in told) && !(n in excused))
		complain("a failure nobody was told of")
	print "m " bytes[n] " " count[n, "success"] + 0 " " \
	    count[n, "failure"] + 0 " " count[n, "deferral"] + 0 " " \
	    sender[n] " " uid[n]
	forget(n)
}

# A local job is one delivery, a remote one is one or more.
function status(local, remote, is_dying) {
	if (fresh && (local > 0 || remote > 0))
		complain("deliveries before the first")
	if (!dying && (local != busy["local"] || remote > busy["remote"] ||
	    (remote == 0 && busy["remote"] > 0)))
		complain("under way are " busy["local"] + 0 " and " \
		    busy["remote"] + 0)
	if (dying && !is_dying)
		complain("it was dying")
	must_status = fresh = 0
}

{
	line = $0
	sub(/^@[0-9a-f]+ /, "", line)
	sub(/^[0-9]+\.[0-9][0-9][0-9][0-9][0-9][0-9] /, "", line)
	split(line, f, " ")

	is_status = is("status: local " amount "/" amount " remote " amount \
	    "/" amount "( exitasap)?")
	if (must_status && !is_status) {
		complain("a status line must come first")
		must_status = 0
	}
	if (fresh && !is_status && !is("alert: cannot start: .*"))
		complain("a process begins with its status")
}

is_status {
	split(f[3], a, "/")
	split(f[5], b, "/")
	status(a[1] + 0, b[1] + 0, f[6] != "")
	next
}

is("status: exiting") {
	restart()
	next
}

is("new msg " number) {
	if (f[3] in sender && !(f[3] in again))
		complain("it is there already")
	delete again[f[3]]
	if (!(f[3] in sender))
		sender[f[3]] = "?"
	next
}

is("info msg " number ": bytes " amount " from <" safe "> qp " number \
    " uid " amount) {
	n = substr(f[3], 1, length(f[3]) - 1)
	if (!need(n))
		next
	bytes[n] = f[5]
	sender[n] = f[7]
	uid[n] = f[11]
	next
}

is("starting delivery " number ": msg " number " to (local|remote) " safe) {
	start(f[3] + 0, f[5], f[7], f[8])
	next
}

is("delivery " number ": (success|failure|deferral): " safe) {
	finish(f[2] + 0, substr(f[3], 1, length(f[3]) - 1), f[4])
	next
}

is("delivery " number ": report mangled, will defer") {
	finish(f[2] + 0, "deferral", "")
	next
}

is("bounce msg " number " qp " number) {
	tell(f[3])
	next
}

is("triple bounce: discarding bounce/" number) {
	sub(/.*\//, "", line)
	tell(line)
	next
}

is("end msg " number) {
	end_message(f[3])
	next
}

is("alert: oh no! lost (spawn|qmail-clean) connection! dying\\.\\.\\.") {
	dying = 1
	next
}

# what happens to nobody's message, or changes nothing here
is("warning: internal error: delivery report out of range") ||
is("warning: qmail-clean unable to clean up " file) ||
is("warning: trouble in select") ||
is("warning: trouble injecting bounce message, will try later") ||
is("warning: unable to start qmail-queue, will try later") ||
is("warning: trouble marking " file \
    "; message will be delivered twice!") ||
is("warning: (trouble opening|trouble reading|unable to stat) " file later) ||
is("warning: unknown record type in " file "!?") ||
is("warning: trouble (reading|writing to|fsyncing) " file) ||
is("warning: unable to (open|create|stat) " file) ||
is("warning: unable to unlink " file "(" later ")?") ||
is("warning: unable to utime " file "; message will be retried too soon") ||
is("alert: out of memory, sleeping\\.\\.\\.") ||
is("alert: unable to opendir " folder ", sleeping\\.\\.\\.") ||
is("alert: unable to append to bounce message; HELP! sleeping\\.\\.\\.") ||
is("alert: unable to reread control/(locals|virtualdomains)") ||
is("alert: unable to reread controls: unable to switch to home directory") ||
is("alert: unable to switch back to queue directory; HELP! " \
    "sleeping\\.\\.\\.") {
	next
}

is("alert: cannot start: (unable to (switch to home directory|" \
    "read controls|switch to queue directory|open mutex)|" \
    "qmail-send is already running|hath the daemon spawn no fire\\?)") {
	next
}

# --- only Facteur writes these ---

is("double bounce: discarding bounce/" number) {
	sub(/.*\//, "", line)
	tell(line)
	next
}

is("(held|released) msg " number " by uid " amount) {
	need(f[3])
	next
}

is("(deleted|returned) msg " number " by uid " amount) {
	if (need(f[3]))
		excused[f[3]] = 1
	next
}

is("delay msg " number " qp " number) {
	need(f[3])
	next
}

is("suspended (local|remote) " safe " for " amount " seconds: " safe) ||
is("resumed (local|remote) " safe) {
	next
}

is("alert: message " number " damaged: " words "; (moved|unable to move it) " \
    "to queue/quarantine") {
	forget(f[3])
	next
}

is("warning: damaged info/" amount "/" number \
    " (could not be )?set aside; delivery begins anew") ||
is("warning: trouble writing to info/" amount "/" number later) ||
is("warning: trouble reading queue/todo" later) ||
is("warning: unable to listen on run/send: " words) ||
is("warning: an earlier qmail-clean is still at work") ||
is("warning: trouble injecting delay notice, will try later") ||
is("alert: unable to reread control/(smtproutes|routeoverrides)(:" number \
    ")?: " words) ||
is("alert: cannot start: (unable to (open trigger|catch signals)|" \
    "out of memory|control/[a-z]+: not understood: " words ")") {
	next
}

{
	complain("no such line")
}

END {
	messages = 0
	for (n in sender)
		messages++
	print "left " messages " " outstanding + 0
	exit wrong
}
