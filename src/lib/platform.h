/* See LICENSE. */
#ifndef PLATFORM_H
#define PLATFORM_H

/* os/arch/variant in normal form (amd64, arm/v7, arm64 with "" for v8). */
struct platform {
	char os[32];
	char arch[32];
	char variant[32];
};

/* The host's, from uname(2). */
void platform_host(struct platform *);
/* Parses os/arch[/variant].  0, or ST_USAGE after a message. */
int platform_parse(const char *, struct platform *);
/* Sets from parts, NULL is "", and normalises (x86_64 is amd64). */
void platform_set(
    struct platform *, const char *os, const char *arch, const char *variant);
/*
 * How well `have' serves `want': 0 is exact, a greater number is a worse
 * fall-back, -1 does not run.
 */
int platform_rank(const struct platform *want, const struct platform *have);
/* "linux/arm/v7" in dst, which is returned. */
#define PLATFORM_STR 100
char *platform_str(const struct platform *, char dst[PLATFORM_STR]);

#endif
