# qmail-inject: completes a message of a user and puts it into the queue
program = qmail-inject
uses    = queue mail conf sys base
runs_as = caller
owner   = root:qmail
mode    = 0755
man     = qmail-inject.8
