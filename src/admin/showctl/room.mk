# qmail-showctl: says what the control files make of this system
program = qmail-showctl
uses    = queue conf sys base
runs_as = anybody
owner   = root:qmail
mode    = 0755
man     = qmail-showctl.8
