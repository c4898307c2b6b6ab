# qmail-queue: put one message into the queue; with --resident, the service
program = qmail-queue
uses    = queue conf mail sys base
runs_as = caller; the service: qmailq
owner   = root:qmail
mode    = 0755
man     = qmail-queue.8
