/* See LICENSE. */
#include "platform.h"

#include <sys/utsname.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "msg.h"

/* What people and kernels say, and what images say. */
static const struct {
	const char *alias, *arch, *variant;
} aliases[] = {
    {"x86_64", "amd64", ""},
    {"x86-64", "amd64", ""},
    {"i386", "386", ""},
    {"i486", "386", ""},
    {"i586", "386", ""},
    {"i686", "386", ""},
    {"x86", "386", ""},
    {"aarch64", "arm64", ""},
    {"aarch64_be", "arm64_be", ""},
    {"armhf", "arm", "v7"},
    {"armel", "arm", "v6"},
    {"armv8l", "arm", "v7"},
    {"armv7l", "arm", "v7"},
    {"armv6l", "arm", "v6"},
    {"armv5tel", "arm", "v5"},
    {"loongarch64", "loong64", ""},
    {"mips64el", "mips64le", ""},
    {"mipsel", "mipsle", ""},
    {"powerpc64le", "ppc64le", ""},
};

static void
set(char *dst, size_t size, const char *src)
{
	size_t i;

	for (i = 0; src != NULL && src[i] != '\0' && i + 1 < size; i++)
		dst[i] = (char)tolower((unsigned char)src[i]);
	dst[i] = '\0';
}

static void
normalise_variant(struct platform *p)
{
	char *v = p->variant;

	if (isdigit((unsigned char)v[0])) {
		memmove(v + 1, v, sizeof(p->variant) - 2);
		v[0] = 'v';
		v[sizeof(p->variant) - 1] = '\0';
	}
	if (strcmp(p->arch, "amd64") == 0 && strcmp(v, "v1") == 0)
		v[0] = '\0';
	if (strcmp(p->arch, "arm64") == 0) {
		if (strcmp(v, "v8") == 0 || strcmp(v, "v8.0") == 0)
			v[0] = '\0';
		else if (strcmp(v, "v9.0") == 0)
			strcpy(v, "v9");
	}
	if (strcmp(p->arch, "arm") == 0 && v[0] == '\0')
		strcpy(v, "v7");
}

void
platform_set(
    struct platform *p, const char *os, const char *arch, const char *variant)
{
	size_t i;

	set(p->os, sizeof(p->os), os);
	if (strcmp(p->os, "macos") == 0)
		strcpy(p->os, "darwin");
	set(p->arch, sizeof(p->arch), arch);
	set(p->variant, sizeof(p->variant), variant);
	for (i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (strcmp(p->arch, aliases[i].alias) == 0) {
			strcpy(p->arch, aliases[i].arch);
			if (p->variant[0] == '\0')
				strcpy(p->variant, aliases[i].variant);
			break;
		}
	normalise_variant(p);
}

void
platform_host(struct platform *p)
{
	struct utsname u;

	memset(&u, 0, sizeof(u));
	uname(&u);
	platform_set(p, u.sysname, u.machine, NULL);
}

int
platform_parse(const char *text, struct platform *p)
{
	char part[3][32] = {"", "", ""};
	const char *s = text;
	size_t i, n;

	for (i = 0; i < 3; i++) {
		n = strspn(s,
		    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		    "0123456789._-");
		if (n == 0 || n >= sizeof(part[i]))
			break;
		memcpy(part[i], s, n);
		s += n;
		if (*s != '/')
			break;
		s++;
	}
	if (*s != '\0' || i == 3 || part[i][0] == '\0' || part[1][0] == '\0')
		return msg_failx(
		    ST_USAGE, "%s: a platform is os/arch[/variant]", text);
	platform_set(p, part[0], part[1], part[2]);
	return 0;
}

/* "v8.5" is 805, "v7" 700, "" is the base of the architecture. */
static int
level(const struct platform *p)
{
	const char *v = p->variant;
	char *end;
	long major, minor = 0;

	if (*v == '\0')
		return strcmp(p->arch, "arm64") == 0 ? 800 : 100;
	if (*v != 'v' || !isdigit((unsigned char)v[1]))
		return -1;
	major = strtol(v + 1, &end, 10);
	if (*end == '.' && isdigit((unsigned char)end[1]))
		minor = strtol(end + 1, &end, 10);
	if (*end != '\0' || major > 99 || minor > 99)
		return -1;
	return (int)(major * 100 + minor);
}

/* An arm64 of version 9.x runs what is for 8.(x+5) and below. */
static int
arm64_rank(int want, int have)
{
	if (want / 100 == 9 && have / 100 == 8) {
		if (have % 100 > want % 100 + 5)
			return -1;
		return want % 100 + 1 + (want % 100 + 5 - have % 100);
	}
	if (want / 100 != have / 100)
		return -1;
	return want - have;
}

int
platform_rank(const struct platform *want, const struct platform *have)
{
	int h = level(have), w = level(want);

	if (strcmp(want->os, have->os) != 0)
		return -1;
	if (strcmp(want->arch, have->arch) == 0) {
		if (strcmp(want->variant, have->variant) == 0)
			return 0;
		if (w == -1 || h == -1 || h > w)
			return -1;
		if (strcmp(want->arch, "amd64") == 0)
			return w - h;
		if (strcmp(want->arch, "arm") == 0 && h >= 500)
			return w - h;
		if (strcmp(want->arch, "arm64") == 0)
			return arm64_rank(w, h);
		return -1;
	}
	if (strcmp(want->arch, "amd64") == 0 && strcmp(have->arch, "386") == 0)
		return 5000;
	if (strcmp(want->arch, "arm64") == 0 &&
	    strcmp(have->arch, "arm") == 0 && h >= 500 && h <= 800)
		return 5000 + 800 - h;
	return -1;
}

char *
platform_str(const struct platform *p, char dst[PLATFORM_STR])
{
	snprintf(dst, PLATFORM_STR, "%s/%s%s%s", p->os, p->arch,
	    p->variant[0] != '\0' ? "/" : "", p->variant);
	return dst;
}
