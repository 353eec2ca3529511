/* See LICENSE. */
#ifndef FAULT_H
#define FAULT_H

/*
 * Fault injection, for tests.  In a build with -DFAULTS (make FAULTS=1) and
 * FAULT=name:nth:what in the environment, the nth passing of the place `name'
 * fails with the error `what': ENOSPC, EIO, EACCES and the like.  KILL ends
 * the process there by SIGKILL.  STOP stops it there by SIGSTOP; after a
 * SIGCONT it continues without a failure, so that a test can act at exactly
 * that moment.  FAULT_LOG=file appends each place's name as it is passed.
 *
 *	if (FAULT("store_rename") || renameat(...) == -1)
 *
 * A limit may be FAULT_NUMBER(name, usual): a test sets FAULT_name in the
 * environment to meet it soon.
 *
 * A release build has none of this.
 */
#ifdef FAULTS
int fault_hit(const char *);
long fault_number(const char *, long usual);
#define FAULT(name) (fault_hit(name))
#define FAULT_NUMBER(name, usual) (fault_number("FAULT_" name, usual))
#else
#define FAULT(name) (0)
#define FAULT_NUMBER(name, usual) (usual)
#endif

#endif
