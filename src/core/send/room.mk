# qmail-send: delivers mail from the queue
program = qmail-send
uses    = queue conf mail sys base
runs_as = qmails
owner   = root:qmail
mode    = 0711
man     = qmail-send.8
