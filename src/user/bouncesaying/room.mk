# bouncesaying: returns a message if a program says so
program = bouncesaying
uses    = sys base
runs_as = account-owner
owner   = root:qmail
mode    = 0755
man     = bouncesaying.1
