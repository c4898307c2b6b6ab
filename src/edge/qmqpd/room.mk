# qmail-qmqpd: receives mail over QMQP, from hosts that may relay
program = qmail-qmqpd
uses    = serve queue mail sys base
runs_as = qmaild
owner   = root:qmail
mode    = 0755
man     = qmail-qmqpd.8
