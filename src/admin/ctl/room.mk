# qmailctl: the operator's one command
program = qmailctl
uses    = queue conf mail sys base
libs    = jansson
runs_as = operator; the system: root, or the owner of the home directory
owner   = root:qmail
mode    = 0755
man     = qmailctl.8
