/*
 * queue - what the two forms of qmail-queue share
 */
#ifndef QUEUE_H
#define QUEUE_H

/* The service: never returns but to end the program; exit code. */
int service_run(void);

#endif
