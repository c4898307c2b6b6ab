# qreceipt: tells a sender who asked for it that a message was delivered
program = qreceipt
uses    = queue mail sys base
runs_as = account-owner
owner   = root:qmail
mode    = 0755
man     = qreceipt.1
