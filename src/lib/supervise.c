/* See LICENSE. */
#include "supervise.h"

#include <sys/resource.h>
#include <sys/wait.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "fault.h"
#include "leftovers.h"
#include "msg.h"
#include "sys.h"

static const struct {
	const char *name;
	int sig;
} names[] = {
    {"HUP", SIGHUP},
    {"INT", SIGINT},
    {"QUIT", SIGQUIT},
    {"ABRT", SIGABRT},
    {"KILL", SIGKILL},
    {"USR1", SIGUSR1},
    {"USR2", SIGUSR2},
    {"PIPE", SIGPIPE},
    {"ALRM", SIGALRM},
    {"TERM", SIGTERM},
    {"CONT", SIGCONT},
    {"STOP", SIGSTOP},
    {"TSTP", SIGTSTP},
    {"TTIN", SIGTTIN},
    {"TTOU", SIGTTOU},
    {"URG", SIGURG},
    {"XCPU", SIGXCPU},
    {"XFSZ", SIGXFSZ},
    {"VTALRM", SIGVTALRM},
    {"PROF", SIGPROF},
    {"WINCH", SIGWINCH},
    {"IO", SIGIO},
#ifdef SIGPWR
    {"PWR", SIGPWR},
#endif
};

/* Left to what they do by default: errors, stops for want of a terminal. */
static const int not_ours[] = {SIGKILL, SIGSTOP, SIGTTIN, SIGTTOU, SIGILL,
    SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS};

static volatile sig_atomic_t child;	/* 0 when there is none */
static volatile sig_atomic_t continued; /* since the child's stop was noted */
static volatile sig_atomic_t early;	/* signals from before the child */
static volatile sig_atomic_t term_as;
/* The controlling terminal, and the child's group if that had it; else -1. */
static volatile sig_atomic_t tty = -1, tty_group = -1;
static pid_t parent;

static struct sigaction old_action[NSIG];
static sigset_t changed, old_mask;

static int
realtime_signal(const char *s)
{
#if defined(SIGRTMIN) && defined(SIGRTMAX)
	int base = strncasecmp(s, "RTMIN", 5) == 0 ? SIGRTMIN : SIGRTMAX;
	int sign = base == SIGRTMIN ? 1 : -1;
	long n = 0;
	char *end;

	s += 5;
	if (*s != '\0') {
		if (*s != (sign > 0 ? '+' : '-') ||
		    !isdigit((unsigned char)s[1]))
			return -1;
		n = strtol(s + 1, &end, 10);
		if (*end != '\0' || n > SIGRTMAX - SIGRTMIN)
			return -1;
	}
	return base + sign * (int)n;
#else
	(void)s;
	return -1;
#endif
}

int
supervise_signal(const char *name)
{
	size_t i;
	long n;
	char *end;

	if (isdigit((unsigned char)*name)) {
		n = strtol(name, &end, 10);
		return *end == '\0' && n > 0 && n < NSIG ? (int)n : -1;
	}
	if (strncasecmp(name, "SIG", 3) == 0)
		name += 3;
	if (strncasecmp(name, "RTMIN", 5) == 0 ||
	    strncasecmp(name, "RTMAX", 5) == 0)
		return realtime_signal(name);
	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcasecmp(names[i].name, name) == 0)
			return names[i].sig;
	return -1;
}

/* --- handlers --- */

/*
 * kill(2) and the like, not the terminal; and not this process or the command
 * itself, as by kill(0, sig).
 */
static int
was_sent(const siginfo_t *si)
{
	return (si->si_code <= 0 || si->si_code == SI_USER ||
		   si->si_code == SI_QUEUE) &&
	       si->si_pid != child && si->si_pid != parent;
}

/* Whether the child was continued after it had stopped; flags of waitid(2). */
static int
was_continued(int flags)
{
	siginfo_t si;

	/* not waitpid(2), which would reap it if it has ended */
	memset(&si, 0, sizeof(si));
	return waitid(P_PID, (id_t)child, &si, WCONTINUED | WNOHANG | flags) ==
		   0 &&
	       si.si_pid == child;
}

/*
 * SIGCONT: a shell's fg sends it to both, kill(1) to this process alone.  fg
 * gives the terminal to this process's group; a shell in one of its own that
 * had it before must not find it taken away.
 */
static void
resume(void)
{
	if (tty_group > 0 && tcgetpgrp(tty) == getpgrp())
		tcsetpgrp(tty, (pid_t)tty_group);
	if (!was_continued(0)) {
		kill((pid_t)child, SIGCONT);
		/* by us: not to be seen the next time */
		was_continued(0);
	}
}

static void
forward(int sig, siginfo_t *si, void *context)
{
	int e = errno;

	(void)context;
	if (sig == SIGCONT)
		continued = 1;
	if (child > 0 && (early || was_sent(si))) {
		if (sig == SIGCONT)
			resume();
		else
			kill((pid_t)child, sig == SIGTERM ? (int)term_as : sig);
	}
	errno = e;
}

static int
is_ours(int sig)
{
	size_t i;

	for (i = 0; i < sizeof(not_ours) / sizeof(*not_ours); i++)
		if (not_ours[i] == sig)
			return 0;
	return 1;
}

static void
catch_signals(void)
{
	struct sigaction sa;
	int sig;

	sigemptyset(&changed);
	for (sig = 1; sig < NSIG; sig++) {
		memset(&sa, 0, sizeof(sa));
		sigfillset(&sa.sa_mask);
		sa.sa_flags = SA_RESTART | SA_SIGINFO;
		sa.sa_sigaction = forward;
		if (sig == SIGCHLD) {
			sa.sa_flags = 0;
			sa.sa_handler = SIG_DFL;
		}
		if (is_ours(sig) && sigaction(sig, &sa, &old_action[sig]) == 0)
			sigaddset(&changed, sig);
	}
}

void
supervise_block(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old_mask);
}

void
supervise_unblock(void)
{
	sigprocmask(SIG_SETMASK, &old_mask, NULL);
}

static void
restore_signals(void)
{
	int sig;

	for (sig = 1; sig < NSIG; sig++)
		if (sigismember(&changed, sig) == 1)
			sigaction(sig, &old_action[sig], NULL);
	supervise_unblock();
}

/* --- the command --- */

pid_t
supervise_fork(int term)
{
	sigset_t none;
	pid_t pid;

	term_as = term;
	parent = getpid();
	catch_signals();
	if ((pid = fork()) == 0) {
		restore_signals();
		return 0;
	}
	if (pid == -1)
		return msg_fail(-1, "fork");
	child = pid;
	sigemptyset(&none);
	/*
	 * What is pending may have come before the child was there, a
	 * terminal's signals, too.  If the child has got one as well, it has it
	 * blocked still, and twice is once.
	 */
	early = 1;
	sigprocmask(SIG_SETMASK, &none, NULL);
	early = 0;
	return pid;
}

int
supervise_bind(void)
{
	if (sys_die_with_parent() == -1)
		return msg_fail(-1, "parent death signal");
	if (getppid() != parent)
		return msg_failx(-1, "parent ended");
	return 0;
}

/* Whether the stopped child has the terminal, in a group of its own. */
static void
note_terminal(void)
{
	pid_t group;

	if (tty == -1)
		tty = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
	if (tty != -1 && (group = tcgetpgrp(tty)) != getpgrp() &&
	    group == getpgid((pid_t)child))
		tty_group = group;
}

/*
 * Stops as the command has, unless that is continued meanwhile.  All signals
 * are blocked.  By SIGTSTP, which does nothing in a process group that no shell
 * looks after, and which a SIGCONT takes back as long as it is blocked.
 */
static void
stop_too(void)
{
	struct sigaction sa, old;
	sigset_t set;

	if (FAULT("supervise_stop"))
		return;
	note_terminal();
	sigemptyset(&set);
	sigaddset(&set, SIGCONT);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	kill(parent, SIGTSTP);
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = continued || was_continued(WNOWAIT) ? SIG_IGN : SIG_DFL;
	sigaction(SIGTSTP, &sa, &old);
	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	sigaction(SIGTSTP, &old, NULL);
}

int
supervise_wait(void)
{
	siginfo_t si;
	sigset_t all, none;
	pid_t pid;
	int status = 0;

	sigfillset(&all);
	sigemptyset(&none);
	for (;;) {
		if (waitid(P_ALL, 0, &si, WEXITED | WSTOPPED | WNOWAIT) == -1) {
			if (errno == EINTR)
				continue;
			msg_warn("wait");
			child = 0;
			return 125 << 8;
		}
		/* once reaped, its number may be another process's */
		sigprocmask(SIG_SETMASK, &all, NULL);
		continued = 0;
		pid = waitpid(si.si_pid, &status, WNOHANG | WUNTRACED);
		if (pid == child && WIFSTOPPED(status))
			stop_too();
		else if (pid == child)
			child = 0;
		else if (pid > 0 && !WIFSTOPPED(status))
			leftovers_reaped(pid);
		sigprocmask(SIG_SETMASK, &none, NULL);
		if (child == 0)
			return status;
	}
}

void
supervise_die(int sig)
{
	struct rlimit none = {0, 0};
	struct sigaction sa;
	sigset_t set;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = SIG_DFL;
	setrlimit(RLIMIT_CORE, &none);
	if (sig != SIGKILL)
		sigaction(sig, &sa, NULL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	raise(sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}
