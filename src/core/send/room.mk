# qmail-send: delivers the messages of the queue
program = qmail-send
uses    = queue conf sys base mail
runs_as = qmails
owner   = root:qmail
mode    = 0711
man     = qmail-send.8
