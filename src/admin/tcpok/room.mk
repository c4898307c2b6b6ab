# qmail-tcpok: forgets which hosts timed out lately
program = qmail-tcpok
uses    = queue sys base
runs_as = operator
owner   = root:qmail
mode    = 0755
man     = qmail-tcpok.8
