/* See LICENSE. */
#include "leftovers.h"

#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fault.h"
#include "msg.h"
#include "sys.h"

#define GRACE_MS 2000 /* between SIGTERM and SIGKILL */
#define GIVE_UP_MS 10000
#define POLL_MAX_MS 50
#define ROUNDS_MAX 16 /* in a row, without a pause */
#define QUIET_MAX 5   /* rounds in which nobody was found */
#define TOLD_MAX 1024
#define PIDS_SHOWN 8

enum stage { ASK, STOP, KILL };

static const int signals[] = {SIGTERM, SIGSTOP, SIGKILL};

struct hunt {
	const char *path; /* the root */
	enum stage stage;
	size_t found; /* in one round */
	size_t fresh; /* of these, who was not told to end or stop yet */
	pid_t told[TOLD_MAX];
	size_t ntold;			 /* the oldest are overwritten */
	char names[PIDS_SHOWN * 12 + 8]; /* who was found */
};

/* Children from before the command; whether there ever was one. */
static pid_t *before;
static size_t nbefore;
static int careful;

static int
note_before(void *arg, pid_t parent, pid_t pid)
{
	pid_t *p;

	(void)parent;
	if ((p = realloc(before, (nbefore + 1) * sizeof(*p))) == NULL) {
		*(int *)arg = -1;
		return 1;
	}
	before = p;
	before[nbefore++] = pid;
	return 1;
}

int
leftovers_adopt(void)
{
	siginfo_t si;
	int rc = 0;

	if (sys_adopt_orphans() == -1)
		return msg_fail(-1, "subreaper");
	if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) == -1)
		return 0;
	careful = 1;
	sys_descendants(note_before, &rc);
	return rc == -1 ? msg_fail(-1, "children") : 0;
}

void
leftovers_reaped(pid_t pid)
{
	size_t i;

	for (i = 0; i < nbefore; i++)
		if (before[i] == pid)
			before[i] = 0;
}

/* Whether the process was not there before the command. */
static int
is_its(const struct hunt *h, pid_t pid)
{
	size_t i;

	for (i = 0; i < nbefore; i++)
		if (before[i] == pid)
			return 0;
	return !careful || sys_is_user(h->path, pid);
}

/* Waits for who has ended; whether there are children still. */
static int
reap(void)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		leftovers_reaped(pid);
	return pid == 0;
}

static int
was_told(const struct hunt *h, pid_t pid)
{
	size_t i, n = h->ntold < TOLD_MAX ? h->ntold : TOLD_MAX;

	for (i = 0; i < n; i++)
		if (h->told[i] == pid)
			return 1;
	return 0;
}

static void
note_found(struct hunt *h, pid_t pid)
{
	size_t len = strlen(h->names);

	if (++h->found <= PIDS_SHOWN)
		snprintf(h->names + len, sizeof(h->names) - len, "%s%ld",
		    len > 0 ? ", " : "", (long)pid);
	else if (h->found == PIDS_SHOWN + 1)
		snprintf(h->names + len, sizeof(h->names) - len, " ...");
}

/* A descendant: does to it what its time is for. */
static int
meet(void *arg, pid_t parent, pid_t pid)
{
	struct hunt *h = arg;
	int told;

	if (!is_its(h, pid))
		return 1;
	told = h->stage != KILL && was_told(h, pid);
	if (sys_signal_descendant(parent, pid, told ? 0 : signals[h->stage]) ==
		-1 &&
	    errno == ESRCH)
		return 0;
	note_found(h, pid);
	if (told || h->stage == KILL)
		return 0;
	if (h->stage == ASK)
		sys_signal_descendant(parent, pid, SIGCONT);
	h->told[h->ntold++ % TOLD_MAX] = pid;
	h->fresh++;
	return 0;
}

/* One round; as of sys_descendants. */
static int
look(struct hunt *h, enum stage stage)
{
	h->stage = stage;
	h->found = h->fresh = 0;
	h->names[0] = '\0';
	return sys_descendants(meet, h);
}

static void
sleep_ms(long ms)
{
	struct timespec ts = {
	    .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&ts, NULL);
}

static long
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/*
 * Stops each, until a round meets nobody new: who runs may have forked
 * meanwhile, who was stopped cannot.
 */
static void
stop_all(struct hunt *h, long end)
{
	int rounds = 0;

	h->ntold = 0;
	while (reap() && look(h, STOP) == 0 && h->fresh > 0 && now_ms() < end)
		if (++rounds > ROUNDS_MAX)
			sleep_ms(1);
}

static int
give_up(const struct hunt *h)
{
	return msg_failx(-1, "%s: cannot end process%s %s: the root stays",
	    h->path, h->found > 1 ? "es" : "", h->names);
}

/*
 * That nobody is found proves nothing, since who forks and exits is easily
 * missed; that there are no children does, as all orphans are adopted.  Where
 * others are children too, several rounds must do.
 */
int
leftovers_end(const char *path)
{
	long end = now_ms() + GIVE_UP_MS, kill_at = now_ms() + GRACE_MS, ms = 1;
	struct hunt h = {.path = path};
	int quiet = 0;

	for (; reap(); ms = ms * 2 < POLL_MAX_MS ? ms * 2 : POLL_MAX_MS) {
		if (now_ms() >= kill_at)
			stop_all(&h, end);
		if (look(&h, now_ms() >= kill_at ? KILL : ASK) != 0)
			return 0;
		quiet = h.found > 0 ? 0 : quiet + 1;
		if (careful && quiet == QUIET_MAX)
			return 0;
		if ((now_ms() >= end || FAULT("leftovers_end")) && h.found > 0)
			return give_up(&h);
		sleep_ms(ms);
	}
	return 0;
}
