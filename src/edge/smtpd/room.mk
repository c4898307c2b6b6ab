# qmail-smtpd: receives mail from strangers over SMTP
program = qmail-smtpd
uses    = serve queue conf mail sys base
runs_as = qmaild
owner   = root:qmail
mode    = 0755
man     = qmail-smtpd.8
