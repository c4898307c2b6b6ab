# qmail-qmtpd: receives mail over QMTP
program = qmail-qmtpd
uses    = serve queue conf mail sys base
runs_as = qmaild
owner   = root:qmail
mode    = 0755
man     = qmail-qmtpd.8
