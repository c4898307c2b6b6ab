# qmail-qmqpc: gives a message to another host's queue, in place of
# qmail-queue
program = qmail-qmqpc
uses    = queue conf mail sys base
runs_as = caller
owner   = root:qmail
mode    = 0755
man     = qmail-qmqpc.8
