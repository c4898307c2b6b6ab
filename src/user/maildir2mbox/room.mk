# maildir2mbox: moves the messages of a maildir into an mbox
program = maildir2mbox
uses    = mail sys base
runs_as = caller
owner   = root:qmail
mode    = 0755
man     = maildir2mbox.1
